"""PostgreSQL's binary form of COPY, cut between rows.

The form is that of ``COPY … WITH (FORMAT binary)`` in PostgreSQL's documentation: a head of 19 bytes, for each row the
number of its fields as a 16-bit integer and each field as a 32-bit length with so many bytes (-1 for NULL, without
any), and -1 as a 16-bit integer at the end.
"""

import struct
from collections.abc import Iterator

HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = struct.pack("!h", -1)
_SHORT = struct.Struct("!h")
_LONG = struct.Struct("!i")


class Cutter:
    """Gathers a copy as it comes and gives it back in whole copies of about ``most`` bytes, a row at least."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._data = bytearray()
        self._at = len(HEAD)
        self._begun = len(HEAD)
        self.rows = 0

    def take(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes; yield the copies that are full. Raises ``ValueError`` for another form."""
        self._data += data
        if len(self._data) < len(HEAD):
            return
        if not self._data.startswith(HEAD):
            raise ValueError("this is no binary copy of rows")
        while (end := self._row_end()) is not None:
            if end - self._begun > self._most and self._at > self._begun:
                yield self._cut()
                continue
            self._at = end
            self.rows += 1

    def rest(self) -> Iterator[bytes]:
        """Yield what is left when all bytes came. Raises ``ValueError`` when the end is missing."""
        if bytes(self._data[self._at : self._at + 2]) != END:
            raise ValueError("the copy of rows has no end")
        if self._at > self._begun:
            yield self._cut()

    def _cut(self) -> bytes:
        made = HEAD + bytes(self._data[self._begun : self._at]) + END
        del self._data[len(HEAD) : self._at]
        self._at = self._begun = len(HEAD)
        return made

    def _row_end(self) -> int | None:
        """Return where the row ends that begins at the cut; ``None`` while it is not whole, or there is none."""
        at = self._at
        if len(self._data) < at + 2:
            return None
        (fields,) = _SHORT.unpack_from(self._data, at)
        at += 2
        if fields < 0:
            return None
        for _ in range(fields):
            if len(self._data) < at + 4:
                return None
            (length,) = _LONG.unpack_from(self._data, at)
            at += 4 + max(0, length)
        return at if len(self._data) >= at else None
