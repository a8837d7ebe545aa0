"""Dead letters as text for a terminal, escaped so that their content cannot control it."""

import json
from datetime import UTC, datetime

from topics.dead_letters.letter import DeadLetter

#: Maximum length of the message in a line.
MESSAGE_CHARS = 80


def line(letter: DeadLetter) -> str:
    """Return one line: position, time, reason, origin, key, attempts and the start of the message."""
    tried = f"attempts={letter.attempts}" + (f" retries={letter.retries}" if letter.retries else "")
    reason, origin = escaped(letter.reason) or "-", escaped(str(letter.origin or "-"))
    message = escaped(letter.message[:MESSAGE_CHARS])
    return "  ".join(
        (str(letter.position), when(letter.at_ms), reason, origin, f"key={data(letter.key)}", tried, message)
    )


def page(letter: DeadLetter) -> str:
    """Return the whole letter: its position, key, every header, and the value after an empty line."""
    rows = [("position", str(letter.position)), ("appended", when(letter.timestamp_ms)), ("key", data(letter.key))]
    rows += [(escaped(name), data(value)) for name, value in letter.headers]
    width = max(len(name) for name, _ in rows)
    return "\n".join([*(f"{name:<{width}}  {text}" for name, text in rows), "", body(letter.value)])


def body(value: bytes | None) -> str:
    """Return a value: JSON indented, other text without control characters, anything else in hex."""
    if value is None:
        return "(no value: a tombstone)"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _hex_rows(value)
    try:
        shown = json.dumps(json.loads(text, parse_constant=_no_constant), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = text
    return "\n".join(escaped(row) for row in shown.split("\n"))


def data(value: bytes | None) -> str:
    """Return a key or a header in one line: text where it is text, else hex after ``0x``."""
    if value is None:
        return "null"
    try:
        return escaped(value.decode())
    except UnicodeDecodeError:
        return f"0x{value.hex()}"


def escaped(text: str) -> str:
    """Return text with everything that cannot be printed written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def when(at_ms: int) -> str:
    """Return a time in UTC with milliseconds; the number itself if no calendar has it."""
    try:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return str(at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _hex_rows(value: bytes, width: int = 32) -> str:
    return "\n".join(f"{at:08x}  {value[at : at + width].hex(' ')}" for at in range(0, len(value), width))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
