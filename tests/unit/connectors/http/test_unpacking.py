"""Compressed bodies in pieces."""

import gzip
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from connectors.http.unpacking import UnpackingError, unpacked

BODY = b"a body " * 50_000


async def chunked(body: bytes, size: int) -> AsyncGenerator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def read(body: bytes, encoding: str, size: int = 1_000) -> list[bytes]:
    async with aclosing(unpacked(chunked(body, size), encoding)) as pieces:
        return [piece async for piece in pieces]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "X-GZIP"),
        (zlib.compress(BODY), "deflate"),
    ],
)
@pytest.mark.parametrize("size", [1, 1_000, 10**6])
async def test_a_body_is_the_same_however_it_is_packed_and_split(body: bytes, encoding: str, size: int) -> None:
    assert b"".join(await read(body, encoding, max(size, len(body) // 5_000))) == BODY


async def test_pieces_of_a_bomb_are_small() -> None:
    pieces = await read(gzip.compress(bytes(5 * 2**20)), "gzip", 10**6)
    assert max(map(len, pieces)) <= 64 * 1024
    assert sum(map(len, pieces)) == 5 * 2**20


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_what_is_no_such_body_is_refused(encoding: str) -> None:
    with pytest.raises(UnpackingError):
        await read(b"no such body", encoding)
