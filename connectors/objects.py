"""Stored bytes for payloads over the inline limit: content-addressed, per organisation, in a local directory.

A reference's uri is ``objects:///<organisation>/<sha256>`` and says nothing that the reference's hash does not, so it
cannot lead to another organisation's bytes or out of the directory. Equal bytes are stored once per organisation.
"""

import asyncio
import hashlib
import os
import re
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import Forbidden, NotFound, Rejected, Unavailable
from schemas.payload import INLINE_LIMIT, Inline, Payload, Reference, inline
from topics.catalogue import SEGMENT_PATTERN
from topics.codec import MAX_DEPTH, parse

_SHA256 = re.compile(r"[0-9a-f]{64}")

#: How deep inside a record a payload's value may be.
_RECORD_DEPTH = 6

#: Enough for the inputs of a mapped step, whose children all read the same object.
CACHE_BYTES = 32 * 1024 * 1024


class CorruptObject(Rejected):
    """Stored bytes do not have the hash that their reference names."""


class LocalObjects:
    """An object store in the directory ``root``, which processes of one machine may share.

    ``put`` and ``get`` raise ``Unavailable`` when the disk does not answer.
    """

    def __init__(self, root: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self._root = root
        self._cache = _Cache(cache_bytes)

    async def put(
        self,
        org_id: str,
        data: bytes,
        media_type: str = "application/json",
        labels: dict[str, str] | None = None,
        length: int | None = None,
    ) -> Reference:
        """Store bytes and return their reference; storing them again changes nothing."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(org_id, sha256)
        try:
            await asyncio.to_thread(_write_once, path, data)
        except OSError as exc:
            raise Unavailable("objects", f"cannot write {path.name}: {exc.strerror or exc}") from exc
        self._cache.put((org_id, sha256), data)
        return Reference(
            uri=_uri(org_id, sha256),
            sha256=sha256,
            size=len(data),
            media_type=media_type,
            length=length,
            labels=labels or {},
        )

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of one of the organisation's references.

        Raises ``Forbidden`` for a uri that is not the organisation's, ``NotFound`` and ``CorruptObject``.
        """
        path = self._path(org_id, reference.sha256)
        if reference.uri != _uri(org_id, reference.sha256):
            raise Forbidden(f"{reference.uri!r} is not an object of this organisation")
        cached = self._cache.get((org_id, reference.sha256))
        if cached is not None:
            return cached
        data = await self._read(path, reference)
        self._cache.put((org_id, reference.sha256), data)
        return data

    async def to_payload(self, org_id: str, value: object, labels: dict[str, str] | None = None) -> Payload:
        """Return a JSON value as it travels: inline, or stored when over ``INLINE_LIMIT`` bytes.

        The value comes out as JSON has it (tuples are lists, NaN is null). Raises ``TypeError`` for what JSON cannot
        say, ``Undecodable`` for a value so deep that a record with it could not be read.
        """
        data = orjson.dumps(value)
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH - _RECORD_DEPTH:
            parse(b"[" * _RECORD_DEPTH + data + b"]" * _RECORD_DEPTH)
        if len(data) <= INLINE_LIMIT:
            return inline(orjson.loads(data))
        length = len(value) if isinstance(value, list) else None
        return await self.put(org_id, data, labels=labels, length=length)

    async def resolve(self, org_id: str, payload: Payload) -> Any:
        """Return the JSON value of a payload, wherever it is; see ``get`` for what is raised."""
        if isinstance(payload, Inline):
            return payload.value
        return orjson.loads(await self.get(org_id, payload))

    async def _read(self, path: Path, reference: Reference) -> bytes:
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as exc:
            raise NotFound(
                f"object {reference.sha256} is not stored here; does every role use one OBJECTS_DIR?"
            ) from exc
        except OSError as exc:
            raise Unavailable("objects", f"cannot read {path.name}: {exc.strerror or exc}") from exc
        if hashlib.sha256(data).hexdigest() != reference.sha256:
            raise CorruptObject(f"object {reference.sha256} has other bytes than were stored; restore it from a backup")
        return data

    def _path(self, org_id: str, sha256: str) -> Path:
        if not re.fullmatch(SEGMENT_PATTERN, org_id) or not _SHA256.fullmatch(sha256):
            raise Forbidden(f"organisation {org_id!r} and hash {sha256[:80]!r} do not name an object")
        return self._root / org_id / sha256[:2] / sha256


def _uri(org_id: str, sha256: str) -> str:
    return f"objects:///{org_id}/{sha256}"


def _write_once(path: Path, data: bytes) -> None:
    """Write under a temporary name and rename, so that a reader sees all of it or nothing, after a crash too."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class _Cache:
    """The most recently used objects, at most so many bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._items: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def get(self, key: tuple[str, str]) -> bytes | None:
        data = self._items.get(key)
        if data is not None:
            self._items.move_to_end(key)
        return data

    def put(self, key: tuple[str, str], data: bytes) -> None:
        if key in self._items or len(data) > self._limit // 4:
            return
        self._items[key] = data
        self._size += len(data)
        while self._size > self._limit:
            _, dropped = self._items.popitem(last=False)
            self._size -= len(dropped)
