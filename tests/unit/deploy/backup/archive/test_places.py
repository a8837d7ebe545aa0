"""Places of backups: directories here; buckets are tried on a server of the integration tests."""

import obstore
import pytest
from obstore.store import MemoryStore

from connectors.objects.listing import objects_in_bucket
from deploy.backup.archive.places import BucketPlace, DirectoryPlace, place_of
from deploy.backup.errors import BackupRefused
from schemas.errors import Unavailable
from schemas.settings import Objects


async def test_a_directory_keeps_files_by_name(tmp_path) -> None:
    place = DirectoryPlace(tmp_path / "b")

    assert await place.backups() == []
    assert await place.read("one/x") is None
    await place.write("one/topics/t/0.part", b"data")
    await place.write("one/manifest.json", b"{}")
    assert await place.read("one/topics/t/0.part") == b"data"
    assert await place.backups() == ["one"]
    assert (tmp_path / "b").stat().st_mode & 0o77 == 0
    await place.delete("one")
    assert await place.backups() == []


async def test_what_cannot_be_read_is_an_outage(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()

    with pytest.raises(Unavailable):
        await DirectoryPlace(tmp_path).read("folder")
    with pytest.raises(Unavailable):
        await DirectoryPlace(tmp_path / "file").write("one/x", b"")
    with pytest.raises(Unavailable):
        await DirectoryPlace(tmp_path).delete("none")


async def test_a_bucket_keeps_files_below_a_prefix() -> None:
    store = MemoryStore()
    place, other = BucketPlace(store, "bucket", "agentflow/"), BucketPlace(store, "bucket", "")

    assert await place.backups() == []
    assert await place.read("one/x") is None
    for name in ("one/topics/t/0.part", "one/manifest.json", "two/manifest.json"):
        await place.write(name, name.encode())
    assert await place.read("one/topics/t/0.part") == b"one/topics/t/0.part"
    assert await place.backups() == ["one", "two"]
    assert await other.backups() == ["agentflow"]
    await place.delete("one")
    assert await place.backups() == ["two"]
    assert await place.read("one/topics/t/0.part") is None


async def test_objects_of_a_bucket_are_listed_by_their_names() -> None:
    store, name = MemoryStore(), f"acme/ab/{'ab' * 32}"
    for key in (f"objects/{name}", f"objects/acme/ab/.new-{'ab' * 30}", f"other/{name}"):
        await obstore.put_async(store, key, b"data")

    assert [found.name async for found in objects_in_bucket(store, "objects/")] == [name]


def test_urls_name_places() -> None:
    assert str(place_of("/a/b", Objects())) == "/a/b"
    assert str(place_of("s3://bucket/some/where/", Objects())) == "s3://bucket/some/where/"
    assert isinstance(place_of("s3://bucket", Objects()), BucketPlace)
    for url in ("", "ftp://x", "s3://"):
        with pytest.raises(BackupRefused):
            place_of(url, Objects())
