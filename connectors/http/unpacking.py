"""Compressed bodies, unpacked in pieces of a known size, so that a small body cannot fill the memory."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

#: What ``unpacked`` understands, as ``Accept-Encoding`` says it.
ACCEPTED = "gzip, deflate"
_PIECE = 64 * 1024
#: Of zlib: the header says whether it is gzip or zlib.
_EITHER = 32 + zlib.MAX_WBITS


class UnpackingError(ValueError):
    """The body is not what its ``Content-Encoding`` says, or that is unknown."""


async def unpacked(chunks: AsyncGenerator[bytes], encoding: str) -> AsyncGenerator[bytes]:
    """Yield the body in pieces of at most 64 KiB where it is compressed. Raises ``UnpackingError``."""
    async with aclosing(chunks):
        kind = encoding.strip().lower()
        if kind in ("", "identity"):
            async for chunk in chunks:
                yield chunk
        elif kind in ("gzip", "x-gzip", "deflate"):
            async for piece in _pieces(chunks):
                yield piece
        else:
            raise UnpackingError(f"Content-Encoding {encoding[:40]!r} was not asked for")


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(_EITHER)
    async for chunk in chunks:
        packed = chunk
        while packed:
            try:
                piece = unpacking.decompress(packed, _PIECE)
            except zlib.error as exc:
                raise UnpackingError(str(exc)) from exc
            packed = unpacking.unconsumed_tail
            yield piece
