"""Stored bytes for payloads over the inline limit: content-addressed, per organisation, in a directory or in S3.

A reference's uri is ``objects:///<organisation>/<sha256>`` and adds nothing to the reference's hash, so it cannot lead
to another organisation's bytes or out of the store. Equal bytes are stored once per organisation. The backend is
configured per installation, and may change without any record of it.
"""

import copy
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson
from cachetools import LRUCache

from connectors.objects.backends import Blobs, BucketBlobs, DirectoryBlobs
from connectors.objects.s3 import S3Access, bucket_store
from schemas.errors import Forbidden, Rejected, TooLarge, Unavailable, Undecodable
from schemas.payload import INLINE_LIMIT, Inline, PathPart, Payload, Reference, inline, walk
from schemas.privacy.wants import Sealing
from schemas.values.json_text import write_json
from topics.catalogue import SEGMENT_PATTERN

_SHA256 = re.compile(r"[0-9a-f]{64}")

#: Enough for the inputs of a mapped step, whose children all read the same object. An object over a quarter of it is
#: not cached, so that one cannot displace all others.
CACHE_BYTES = 32 * 1024 * 1024
#: Parsed values that are cached, in bytes of their objects: a map over a stored list takes its items one by one.
VALUES_BYTES = 16 * 1024 * 1024
#: Values are read and written whole, by up to ten attempts at once.
MAX_BYTES = 64 * 1024 * 1024


class _Parsed(NamedTuple):
    value: Any
    size: int


class CorruptObject(Rejected):
    """The stored bytes do not have the hash of their reference."""


class Objects:
    """The object store of an installation, over a backend.

    ``put`` and ``get`` raise ``Unavailable`` when the backend does not answer.
    """

    def __init__(self, blobs: Blobs, cache_bytes: int = CACHE_BYTES) -> None:
        self._blobs = blobs
        self._cache: LRUCache[tuple[str, str], bytes] = LRUCache(cache_bytes, getsizeof=len)
        self._values: LRUCache[tuple[str, str], _Parsed] = LRUCache(VALUES_BYTES, getsizeof=lambda parsed: parsed.size)

    @property
    def blobs(self) -> Blobs:
        """The backend."""
        return self._blobs

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
        await self._blobs.write(_name(org_id, sha256), data)
        self._remember((org_id, sha256), data)
        return Reference(
            uri=_uri(org_id, sha256),
            sha256=sha256,
            size=len(data),
            media_type=media_type,
            length=length,
            tags=labels or {},
        )

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of one of the organisation's references.

        Raises ``Forbidden`` for a uri that is not the organisation's, ``NotFound`` and ``CorruptObject``.
        """
        _check(org_id, reference)
        return await self.read(org_id, reference.sha256)

    async def opened(self, org_id: str, subject: str, sealed: bytes) -> bytes:
        """Return sealed bytes of a data subject in clear. Raises ``SubjectErased`` and ``CorruptObject``."""
        raise _no_keys()

    async def read(self, org_id: str, sha256: str) -> bytes:
        """Return one of the organisation's objects by its hash. Raises as ``get`` does."""
        name = _name(org_id, sha256)
        data = self._cache.get((org_id, sha256))
        if data is not None:
            return data
        try:
            data = await self._blobs.read(name, MAX_BYTES)
        except TooLarge as exc:
            raise _corrupt(sha256) from exc
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _corrupt(sha256)
        self._remember((org_id, sha256), data)
        return data

    async def to_payload(
        self,
        org_id: str,
        value: object,
        labels: dict[str, str] | None = None,
        most: int = INLINE_LIMIT,
        sealing: Sealing | None = None,
    ) -> Payload:
        """Return a JSON value as it travels: inline, or stored when over ``most`` bytes.

        The value is normalised as JSON (tuples become lists). Raises ``BadValue`` for one that breaks a rule of values,
        ``Undecodable`` for one over ``MAX_BYTES``. With ``sealing`` it is encrypted first, which a store without keys
        of subjects refuses (``Unavailable``): see ``services.privacy.subjects.sealed_objects``.
        """
        if sealing is not None:
            raise _no_keys()
        data = json_bytes(value)
        if len(data) <= most:
            return inline(orjson.loads(data))
        length = len(value) if isinstance(value, list) else None
        return await self.put(org_id, data, labels=labels, length=length)

    async def resolve(self, org_id: str, payload: Payload) -> Any:
        """Return the JSON value of a payload, wherever it is; see ``get`` for what is raised."""
        if isinstance(payload, Inline):
            return payload.value
        return orjson.loads(await self.get(org_id, payload))

    async def part(self, org_id: str, payload: Payload, path: Sequence[PathPart]) -> Any:
        """Return the part of a payload's value at ``path``, as the caller's own copy. Raises ``MissingPath``, and as
        ``get``.
        """
        if not path or isinstance(payload, Inline):
            return walk(await self.resolve(org_id, payload), list(path))
        _check(org_id, payload)
        key = (org_id, payload.sha256)
        parsed = self._values.get(key)
        if parsed is None:
            data = await self.get(org_id, payload)
            # Others that asked meanwhile have it by now.
            parsed = self._values.get(key) or self._parse(key, data)
        return copy.deepcopy(walk(parsed.value, list(path)))

    def _parse(self, key: tuple[str, str], data: bytes) -> _Parsed:
        parsed = _Parsed(orjson.loads(data), len(data))
        if parsed.size <= self._values.maxsize:
            self._values[key] = parsed
        return parsed

    def _remember(self, key: tuple[str, str], data: bytes) -> None:
        if len(data) <= self._cache.maxsize // 4:
            self._cache[key] = data


class LocalObjects(Objects):
    """An object store in the directory ``root``, which processes of one machine may share."""

    def __init__(self, root: Path, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(DirectoryBlobs(root), cache_bytes)


def open_objects(url: str, directory: str, access: S3Access) -> Objects:
    """Return the store at ``url``: ``s3://bucket/prefix``, ``file:///directory``; without one, in ``directory``.

    Raises ``ValueError`` for any other URL.
    """
    if not url:
        return LocalObjects(Path(directory))
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return LocalObjects(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        prefix = parts.path.strip("/")
        return Objects(BucketBlobs(bucket_store(access, parts.netloc), f"{prefix}/" if prefix else ""))
    raise ValueError(f"OBJECTS_URL={url!r} is neither s3://bucket/prefix nor file:///directory")


def json_bytes(value: object) -> bytes:
    """Return a value as JSON. Raises ``BadValue``, and ``Undecodable`` for one over ``MAX_BYTES``."""
    data = write_json(value)
    if len(data) > MAX_BYTES:
        raise Undecodable("size", f"it has {len(data)} bytes as JSON, the most is {MAX_BYTES}; split it")
    return data


def _name(org_id: str, sha256: str) -> str:
    """Return the object's name. Raises ``Forbidden`` for an organisation or hash that could lead elsewhere."""
    if not re.fullmatch(SEGMENT_PATTERN, org_id) or not _SHA256.fullmatch(sha256):
        raise Forbidden(f"organisation {org_id!r} and hash {sha256[:80]!r} do not name an object")
    return f"{org_id}/{sha256[:2]}/{sha256}"


def _check(org_id: str, reference: Reference) -> None:
    _name(org_id, reference.sha256)
    if reference.uri != _uri(org_id, reference.sha256):
        raise Forbidden(f"{reference.uri!r} is not an object of this organisation")


def _corrupt(sha256: str) -> CorruptObject:
    return CorruptObject(f"object {sha256} has other bytes than were stored; restore it from a backup")


def _no_keys() -> Unavailable:
    return Unavailable("vault", "this process has no keys of data subjects; set VAULT_KEY")


def _uri(org_id: str, sha256: str) -> str:
    return f"objects:///{org_id}/{sha256}"
