"""Where backups are kept: a directory, or a prefix of a bucket (``s3://bucket/prefix``).

A name is ``<backup>/<path>``. A write is complete or not there. All methods raise ``Unavailable``.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import obstore
from obstore.store import S3Store

from connectors.objects import atomic_file
from connectors.objects.s3 import bucket_store, s3_access, s3_errors
from deploy.backup.errors import BackupRefused
from schemas.errors import NotFound, Unavailable
from schemas.settings import Objects

_S3: Final = "s3://"
_BACKUP_STORE: Final = "backups"


@runtime_checkable
class Place(Protocol):
    """Files by name."""

    async def write(self, name: str, data: bytes) -> None:
        """Write a file that is not there yet, or replace it."""
        ...

    async def read(self, name: str) -> bytes | None:
        """Return a file, ``None`` if it is not there."""
        ...

    async def backups(self) -> list[str]:
        """Return the ids of all backups, complete or not, oldest first."""
        ...

    async def delete(self, backup_id: str) -> None:
        """Remove all of a backup; its manifest first, so that what is left of it is no backup."""
        ...


class DirectoryPlace:
    """Files below a directory that only their owner may read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    async def write(self, name: str, data: bytes) -> None:
        """See ``Place``."""
        try:
            await asyncio.to_thread(self._write, self._root / name, data)
        except OSError as exc:
            raise Unavailable(_BACKUP_STORE, f"{name} cannot be written: {exc.strerror or exc}") from exc

    def _write(self, path: Path, data: bytes) -> None:
        if not self._root.is_dir():
            self._root.mkdir(parents=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_file.replace(path, data)

    async def read(self, name: str) -> bytes | None:
        """See ``Place``."""
        try:
            return await asyncio.to_thread((self._root / name).read_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise Unavailable(_BACKUP_STORE, f"{name} cannot be read: {exc.strerror or exc}") from exc

    async def backups(self) -> list[str]:
        """See ``Place``."""
        try:
            return await asyncio.to_thread(lambda: sorted(one.name for one in self._root.iterdir() if one.is_dir()))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise Unavailable(_BACKUP_STORE, f"{self._root} cannot be read: {exc.strerror or exc}") from exc

    async def delete(self, backup_id: str) -> None:
        """See ``Place``."""
        folder = self._root / backup_id
        try:
            await asyncio.to_thread((folder / "manifest.json").unlink, missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder)
        except OSError as exc:
            raise Unavailable(_BACKUP_STORE, f"{backup_id} cannot be deleted: {exc.strerror or exc}") from exc


class BucketPlace:
    """Objects of a bucket below ``prefix``, which ends with a slash or is empty."""

    def __init__(self, store: S3Store, bucket: str, prefix: str) -> None:
        self._store, self._bucket, self._prefix = store, bucket, prefix

    def __str__(self) -> str:
        return f"{_S3}{self._bucket}/{self._prefix}"

    async def write(self, name: str, data: bytes) -> None:
        """See ``Place``."""
        with s3_errors(_BACKUP_STORE, f"write {name}"):
            await obstore.put_async(self._store, self._prefix + name, data)

    async def read(self, name: str) -> bytes | None:
        """See ``Place``."""
        try:
            with s3_errors(_BACKUP_STORE, f"read {name}"):
                found = await obstore.get_async(self._store, self._prefix + name)
                return bytes(await found.bytes_async())
        except NotFound:
            return None

    async def backups(self) -> list[str]:
        """See ``Place``."""
        with s3_errors(_BACKUP_STORE, "list the backups"):
            found = await obstore.list_with_delimiter_async(self._store, self._prefix or None)
        return sorted(one.rstrip("/").rpartition("/")[2] for one in found["common_prefixes"])

    async def delete(self, backup_id: str) -> None:
        """See ``Place``."""
        with s3_errors(_BACKUP_STORE, f"delete {backup_id}"):
            async for names in self._names(f"{self._prefix}{backup_id}/"):
                first = [name for name in names if name.endswith("/manifest.json")]
                for some in (first, [name for name in names if name not in first]):
                    if some:
                        await obstore.delete_async(self._store, some)

    async def _names(self, prefix: str) -> AsyncIterator[list[str]]:
        async for chunk in obstore.list(self._store, prefix):
            yield [str(one["path"]) for one in chunk]


def place_of(url: str, objects: Objects) -> Place:
    """Return the place that a path or ``s3://`` URL names; S3's access is that of the settings."""
    if not url:
        raise BackupRefused("name where backups are kept: a directory, or s3://bucket/prefix")
    if not url.startswith(_S3):
        if "://" in url:
            raise BackupRefused(f"{url}: backups are kept in a directory, or in s3://bucket/prefix")
        return DirectoryPlace(Path(url))
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    if not bucket:
        raise BackupRefused(f"{url} names no bucket")
    prefix = prefix.strip("/")
    return BucketPlace(bucket_store(s3_access(objects), bucket), bucket, f"{prefix}/" if prefix else "")
