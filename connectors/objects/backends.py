"""Backends of the object store: a directory that processes of one machine share, or a prefix of a bucket."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import S3Store

from connectors.objects import atomic_file
from connectors.objects.listing import StoredObject, objects_in_bucket, objects_in_directory, stored_ms
from connectors.objects.s3 import s3_errors
from schemas.errors import NotFound, TooLarge, Unavailable


class Blobs(Protocol):
    """Bytes by name, written once. A name is ``<organisation>/<two letters>/<sha256>``.

    Both methods raise ``Unavailable`` while the store does not answer.
    """

    async def write(self, name: str, data: bytes) -> None:
        """Store bytes completely or not at all; storing the same again is harmless."""
        ...

    async def read(self, name: str, most: int) -> bytes:
        """Return the bytes. Raises ``NotFound``, and ``TooLarge`` for more than ``most``."""
        ...


class Deletable(Protocol):
    """A backend as retention sees it. Methods raise ``Unavailable``."""

    def stored(self, org_id: str = "") -> AsyncIterator[StoredObject]:
        """Yield the objects of one organisation, or all of them, by name: those of an organisation together."""
        ...

    async def delete(self, name: str, before_ms: int) -> bool:
        """Delete an object that was not stored again since ``before_ms``; return whether it was."""
        ...


class DirectoryBlobs:
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(self, name: str, data: bytes) -> None:
        """See ``Blobs``."""
        path = self._root / name
        try:
            await asyncio.to_thread(_write_once, path, data)
        except OSError as exc:
            raise Unavailable("objects", f"cannot write {path.name}: {exc.strerror or exc}") from exc

    async def read(self, name: str, most: int) -> bytes:
        """See ``Blobs``."""
        path = self._root / name
        try:
            return await asyncio.to_thread(_read, path, most)
        except FileNotFoundError as exc:
            raise NotFound(f"object {path.name} is not stored here; does every role use one OBJECTS_DIR?") from exc
        except OSError as exc:
            raise Unavailable("objects", f"cannot read {path.name}: {exc.strerror or exc}") from exc

    def stored(self, org_id: str = "") -> AsyncIterator[StoredObject]:
        """See ``Deletable``."""
        return objects_in_directory(self._root, org_id)

    async def delete(self, name: str, before_ms: int) -> bool:
        """See ``Deletable``. The file has another name while its age is looked at, so a writer makes a new one."""
        path = self._root / name
        try:
            return await asyncio.to_thread(_delete, path, before_ms)
        except OSError as exc:
            raise Unavailable("objects", f"cannot delete {path.name}: {exc.strerror or exc}") from exc


class BucketBlobs:
    """Objects of a bucket below ``prefix``, which ends with a slash or is empty."""

    def __init__(self, store: S3Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    async def write(self, name: str, data: bytes) -> None:
        """See ``Blobs``. One request, so that a reader sees all of it or nothing."""
        with s3_errors("objects", f"write {name}"):
            await obstore.put_async(self._store, self._prefix + name, data, use_multipart=False)

    async def read(self, name: str, most: int) -> bytes:
        """See ``Blobs``. The store's reported size is not trusted: received bytes are counted."""
        with s3_errors("objects", f"read {name}"):
            found = await obstore.get_async(self._store, self._prefix + name)
            chunks, size = [], 0
            async for chunk in found.stream():
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"object {name} has over {most} bytes")
                chunks.append(bytes(chunk))
        return b"".join(chunks)

    def stored(self, org_id: str = "") -> AsyncIterator[StoredObject]:
        """See ``Deletable``."""
        return objects_in_bucket(self._store, self._prefix, org_id)

    async def delete(self, name: str, before_ms: int) -> bool:
        """See ``Deletable``. Equal bytes that are stored between the two requests, milliseconds, would be lost."""
        place = self._prefix + name
        with s3_errors("objects", f"delete {name}"):
            try:
                found = await obstore.head_async(self._store, place)
            except FileNotFoundError:
                return False
            if int(found["last_modified"].timestamp() * 1000) >= before_ms:
                return False
            await obstore.delete_async(self._store, place)
        return True


def listable(blobs: Blobs) -> Deletable:
    """Return a backend that can list and delete. Raises ``TypeError`` for another one."""
    if not isinstance(blobs, DirectoryBlobs | BucketBlobs):
        raise TypeError(f"{type(blobs).__name__} cannot list its objects")
    return blobs


async def listed(blobs: Blobs) -> AsyncIterator[str]:
    """Yield the names of all objects of a backend. Raises ``TypeError`` for one that has no list."""
    async for one in listable(blobs).stored():
        yield one.name


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"object {path.name} has over {most} bytes")
    return data


def _write_once(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet; one that does is as if it were stored now, so that retention keeps it."""
    try:
        os.utime(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.replace(path, data)


def _delete(path: Path, before_ms: int) -> bool:
    leaving = path.with_name(atomic_file.TEMPORARY + path.name)
    try:
        path.rename(leaving)
    except FileNotFoundError:
        return False
    if stored_ms(leaving) >= before_ms:
        leaving.rename(path)
        return False
    leaving.unlink()
    return True
