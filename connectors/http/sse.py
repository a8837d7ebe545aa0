"""Server-sent events, parsed from bytes as they arrive (WHATWG HTML, section 9.2.6)."""

import re
from typing import NamedTuple

#: Longer lines and events are no events: a field of a model's answer is far shorter.
LONGEST_EVENT = 16 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class TooLongError(ValueError):
    """An event has over ``LONGEST_EVENT`` bytes."""


class Event(NamedTuple):
    """One event: its type, empty where it has none, and its data with lines joined by ``\\n``."""

    name: str
    data: str


class SseParser:
    """Takes bytes that may be split anywhere, and returns the events that they complete.

    Lines end with CR, LF or CRLF. Comments, ``id`` and ``retry`` are skipped. Bytes that are no UTF-8 become U+FFFD.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._after_cr = False
        self._began = False
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that ended within ``chunk``. Raises ``TooLongError``."""
        chunk = self._begun(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        self._size += len(chunk)
        if self._size > LONGEST_EVENT:
            raise TooLongError(f"an event has over {LONGEST_EVENT} bytes")
        self._parts.append(chunk)
        if _LINE_END.search(chunk) is None:
            return []
        # An LF that follows in the next chunk belongs to the end of this line.
        self._after_cr = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(b"".join(self._parts))
        self._parts = [rest]
        return [event for line in lines if (event := self._line(line)) is not None]

    def end(self) -> list[Event]:
        """Return the event that the end of the stream completes: some services leave out the last blank line."""
        last = [self._line(b"".join(self._parts)), self._line(b"")]
        self._parts = []
        return [event for event in last if event is not None]

    def _begun(self, chunk: bytes) -> bytes:
        """Return what follows a byte order mark, which may be split as well."""
        if self._began:
            return chunk
        start = b"".join(self._parts) + chunk
        self._parts = []
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._parts = [start]
            return b""
        self._began = True
        return start.removeprefix(_BOM)

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatched()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatched(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = "", [], sum(map(len, self._parts))
        return Event(name, b"\n".join(data).decode("utf-8", "replace")) if data else None
