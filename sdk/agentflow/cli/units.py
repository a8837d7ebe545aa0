"""What people write and read for times, money, tags and inputs."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from agentflow.cli.errors import NOT_FOUND, USAGE, CliError

_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")
_MONEY = re.compile(r"\$?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(\.[0-9]+)?")
#: Amounts inside are whole nano-dollars.
_FINEST = Decimal("0.000000001")
PERIODS = {
    "minutely": "minute",
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
}
_EACH = {"total": "in total"}


def seconds(text: str) -> float:
    """Return a duration as seconds: ``90s``, ``1h30m``, or a number of seconds."""
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise CliError(f"{text!r} is not a duration", "write a number and ms, s, m, h or d, for example 90s", USAGE)
    return float(sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def moment(text: str | None) -> str | None:
    """Return a point in time as the API takes it: ``now`` is none, ``1h`` is an hour back, RFC 3339 stays."""
    if text is None or text == "now":
        return None
    if _DURATION.fullmatch(text) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.+)?", text):
        return text
    raise CliError(
        f"{text!r} is not a time", "write 1h, 7d, now, or a time with a zone such as 2026-11-01T00:00:00Z", USAGE
    )


def dollars(text: str) -> str:
    """Return an amount of US dollars as an exact decimal: ``1000``, ``$1,000.50``."""
    found = _MONEY.fullmatch(text.strip())
    try:
        amount = Decimal((found[1] or "0").replace(",", "") + (found[2] or "")) if found and text.strip(" $") else None
    except InvalidOperation:
        amount = None
    if amount is None or amount != amount.quantize(_FINEST):
        raise CliError(f"{text!r} is not an amount", "write US dollars, for example 1000 or 2.50", USAGE)
    return format(amount, "f")


def cents(text: str) -> str:
    """Return an amount of US dollars in cents, as submissions take it."""
    return format((Decimal(dollars(text)) * 100).normalize(), "f")


def usd(amount: object) -> str:
    """Return an exact amount for people: at least two places, thousands apart."""
    if amount in (None, ""):
        return ""
    whole, _, places = format(Decimal(str(amount)), "f").partition(".")
    return f"${int(whole):,}.{places.rstrip('0').ljust(2, '0')}"


def period(text: str) -> str:
    """Return the API's name of a period: ``monthly`` is ``month``."""
    return PERIODS.get(text.lower(), text.lower())


def each(name: str) -> str:
    """Return a period as part of a sentence: ``a month``."""
    return _EACH.get(name, f"an {name}" if name == "hour" else f"a {name}")


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Return ``key=value`` texts as a dictionary."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise CliError(f"{option} {text!r} has no value", f"write {option} key=value", USAGE)
        found[key] = value
    return found


def version_or_label(text: str) -> int | str:
    """Return a version of a prompt as its number; anything else is a label."""
    return int(text) if text.isascii() and text.isdecimal() else text


def read_text(source: str) -> str:
    """Return the text of a file, ``-`` is stdin."""
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise CliError(f"there is no file {source}", "check the path", NOT_FOUND) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"cannot read {source}: {exc}", "it must be a readable file in UTF-8", USAGE) from exc


def json_value(text: str, option: str) -> Any:
    """Return a JSON value: the text itself, ``@file``, or ``-`` for stdin."""
    source = read_text(text[1:] if text.startswith("@") else text) if text.startswith(("@", "-")) else text
    try:
        return json.loads(source)
    except ValueError as exc:
        fix = f"""write JSON such as {option} '{{"key": "value"}}', or {option} @file.json"""
        raise CliError(f"{option} is not JSON: {exc}", fix, USAGE) from exc


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """Return a JSON object; none is an empty one."""
    found = json_value(text, option) if text else {}
    if not isinstance(found, dict):
        raise CliError(f"{option} is not a JSON object", f"""write {option} '{{"key": "value"}}'""", USAGE)
    return found


def age(at: object, now: float) -> str:
    """Return how long ago a time was: ``42s``, ``5m``, ``3h``, ``2d``; nothing for none."""
    if not at:
        return ""
    passed = max(0.0, now - datetime.fromisoformat(str(at).replace("Z", "+00:00")).timestamp())
    return span(passed)


def span(passed: float) -> str:
    """Return a span of seconds in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if passed >= 2 * size:
            return f"{passed / size:.0f}{unit}"
    return f"{passed:.0f}s" if passed >= 10 else f"{passed:.1f}s"


def between(start: object, end: object) -> str:
    """Return the time between two points in time; nothing unless both are there."""
    if not start or not end:
        return ""
    first, last = (datetime.fromisoformat(str(at).replace("Z", "+00:00")) for at in (start, end))
    return span((last - first).total_seconds())


def iso(at: float) -> str:
    """Return a time since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
