"""Bytes that stores have compressed, unpacked: blocks of ClickHouse, members of gzip and zlib anywhere in a file.

Redis' own compression is switched off for the game, and PostgreSQL's likewise (see ``stores``), since neither can be
unpacked from the middle of a file.
"""

import re
import zlib
from collections.abc import Iterator

_CHECKSUM, _HEADER = 16, 9
_MOST = 64 * 1024 * 1024
_MOST_PACKED = 8 * 1024 * 1024
#: gzip's magic, and zlib's with the levels that programs use.
_DEFLATED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


def unpacked_parts(data: bytes) -> Iterator[bytes]:
    """Yield what was compressed anywhere in bytes by gzip or zlib; what only looks like it is left out."""
    view = memoryview(data)
    for found in _DEFLATED.finditer(data):
        unpacking = zlib.decompressobj(wbits=47)  # either header
        try:
            part = unpacking.decompress(view[found.start() : found.start() + _MOST_PACKED], _MOST)
        except zlib.error:
            continue
        if part:
            yield part


def clickhouse_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the blocks of a column file of ClickHouse (``.bin``); nothing for a file that is none.

    A block is a checksum of 16 bytes, the method (one byte), the size with this header of 9 bytes, the size unpacked
    (both little-endian, 4 bytes), then the data. Raises ``ValueError`` for a method that is not known here: a file
    that was not searched must not count as clean.
    """
    at = 0
    while at + _CHECKSUM + _HEADER <= len(data):
        method = data[at + _CHECKSUM]
        size = int.from_bytes(data[at + _CHECKSUM + 1 : at + _CHECKSUM + 5], "little")
        length = int.from_bytes(data[at + _CHECKSUM + 5 : at + _CHECKSUM + _HEADER], "little")
        begin, end = at + _CHECKSUM + _HEADER, at + _CHECKSUM + size
        if size < _HEADER or end > len(data) or length > _MOST:
            raise ValueError(f"no block of ClickHouse at byte {at}")
        yield _unpack(method, data[begin:end], length)
        at = end


def _unpack(method: int, data: bytes, length: int) -> bytes:
    match method:
        case 0x02:
            return data
        case 0x82:
            import lz4.block

            return bytes(lz4.block.decompress(data, uncompressed_size=length))
        case 0x90:
            from backports import zstd

            return bytes(zstd.decompress(data))
        case _:
            raise ValueError(f"blocks of ClickHouse by the method {method:#x} cannot be unpacked here")
