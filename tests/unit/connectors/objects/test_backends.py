"""Objects by age: what is listed, and what a deletion leaves because it was stored again."""

import os
import time
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from connectors.objects.backends import BucketBlobs, DirectoryBlobs, listable

NAME = f"acme/ab/{'ab' * 32}"
LONG_AGO_MS = 1_000_000


def now_ms() -> int:
    return int(time.time() * 1000)


async def test_directory_knows_when_equal_bytes_were_stored_last(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    await blobs.write(NAME, b"data")
    os.utime(tmp_path / NAME, (LONG_AGO_MS / 1000, LONG_AGO_MS / 1000))
    assert [one async for one in blobs.stored()] == [(NAME, LONG_AGO_MS)]
    await blobs.write(NAME, b"data")
    (found,) = [one async for one in blobs.stored()]
    assert found.stored_ms > now_ms() - 60_000
    assert not await blobs.delete(NAME, now_ms() - 60_000)
    assert await blobs.read(NAME, 10) == b"data"
    assert await blobs.delete(NAME, now_ms() + 60_000)
    assert not await blobs.delete(NAME, now_ms() + 60_000)
    assert [one async for one in blobs.stored()] == []


async def test_bucket_deletes_what_was_not_stored_again() -> None:
    blobs = BucketBlobs(MemoryStore(), "objects/")  # type: ignore[arg-type]
    await blobs.write(NAME, b"data")
    (found,) = [one async for one in blobs.stored()]
    assert found.name == NAME
    assert not await blobs.delete(NAME, found.stored_ms)
    assert await blobs.delete(NAME, found.stored_ms + 1)
    assert not await blobs.delete(NAME, now_ms() + 60_000)
    assert [one async for one in blobs.stored()] == []


def test_backend_without_a_list_is_refused() -> None:
    class Others:
        async def write(self, name: str, data: bytes) -> None:
            raise AssertionError

        async def read(self, name: str, most: int) -> bytes:
            raise AssertionError

    with pytest.raises(TypeError, match="Others cannot list"):
        listable(Others())
