"""Stored bytes of which some are sealed: reads and writes payloads of data subjects wherever payloads are read.

1. A writer names the subject (``Sealing``). The value becomes JSON, what a fold will ask of it is decided, the bytes
   are encrypted, and only then does anything leave this object: a small value inside its reference, a large one as an
   object of encrypted bytes.
2. A reader needs nothing but the reference, which names the subject. The key is read from the vault each time, so bytes
   of an erased subject are refused (``SubjectErased``) as soon as this process forgets the key.
3. Nothing plain of a subject is cached here but parsed lists, whose items are read one by one; they are found by their
   key's state first, and dropped when that is destroyed.

Sealed bytes are bound to their organisation and subject: moved to another one they do not open.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from cachetools import LRUCache

from connectors.objects.store import CACHE_BYTES, CorruptObject, Objects, json_bytes
from schemas.errors import Forbidden, Rejected, SubjectErased
from schemas.payload import INLINE_LIMIT, Inline, PathPart, Payload, Reference, walk
from schemas.privacy.sealed import SEALED_INLINE_BYTES, inline_uri, is_sealed, object_uri, place_of
from schemas.privacy.wants import Sealing, decided
from services.privacy.subjects.ports import DataKey, SubjectKeys

#: Parsed values of subjects, in bytes of their JSON. Enough for the lists that are mapped over at once.
VALUES_BYTES = 8 * 1024 * 1024


class SubjectObjects(Objects):
    """An object store that seals and opens. ``keys`` are the vault's; see ``Objects`` for what is raised."""

    def __init__(self, objects: Objects, keys: SubjectKeys, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(objects.blobs, cache_bytes)
        self._keys = keys
        self._opened: LRUCache[tuple[str, str, str], tuple[Any, int]] = LRUCache(
            VALUES_BYTES, getsizeof=lambda one: one[1]
        )

    async def to_payload(
        self,
        org_id: str,
        value: object,
        labels: dict[str, str] | None = None,
        most: int = INLINE_LIMIT,
        sealing: Sealing | None = None,
    ) -> Payload:
        """Return a JSON value as it travels; with ``sealing`` encrypted. Raises ``SubjectErased`` as well."""
        if sealing is None:
            return await super().to_payload(org_id, value, labels, most)
        key = await self._keys.subject_key(org_id, sealing.subject)
        data = json_bytes(value)
        plain = orjson.loads(data)
        sealed = key.seal(data, _bound_to(org_id, sealing.subject))
        sha256 = hashlib.sha256(sealed).hexdigest()
        if len(sealed) <= min(most, SEALED_INLINE_BYTES):
            uri = inline_uri(sealing.subject, sealed)
        else:
            await super().put(org_id, sealed, media_type="application/octet-stream")
            uri = object_uri(org_id, sealing.subject, sha256)
        return Reference(
            uri=uri,
            sha256=sha256,
            size=len(data),
            length=len(plain) if isinstance(plain, list) else None,
            tags=labels or {},
            decided=decided(sealing.wants, plain),
        )

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of a reference in clear."""
        if not is_sealed(reference):
            return await super().get(org_id, reference)
        return await self._open(org_id, reference, await self._key(org_id, reference))

    async def part(self, org_id: str, payload: Payload, path: Sequence[PathPart]) -> Any:
        """Return the part of a payload's value at ``path``, as the caller's own copy."""
        if isinstance(payload, Inline) or not is_sealed(payload):
            return await super().part(org_id, payload, path)
        key = await self._key(org_id, payload)
        name = (org_id, place_of(payload).subject, payload.sha256)
        found = self._opened.get(name)
        if found is None:
            data = await self._open(org_id, payload, key)
            found = (orjson.loads(data), len(data))
            if path and len(data) <= VALUES_BYTES // 4:
                self._opened[name] = found
        part = walk(found[0], list(path))
        # Others read the cached value, too.
        return orjson.loads(orjson.dumps(part)) if isinstance(part, dict | list) else part

    async def opened(self, org_id: str, subject: str, sealed: bytes) -> bytes:
        """Return sealed bytes of a data subject in clear."""
        return _plain(await self._keys.subject_key(org_id, subject), org_id, subject, sealed)

    def forget(self, org_id: str, subject: str) -> None:
        """Drop what is parsed of a subject."""
        for name in [one for one in self._opened if one[:2] == (org_id, subject)]:
            del self._opened[name]

    async def _key(self, org_id: str, reference: Reference) -> DataKey:
        place = place_of(reference)
        if place.data is None and place.object_org != org_id:
            raise Forbidden(f"{reference.uri[:80]!r} is not an object of this organisation")
        try:
            return await self._keys.subject_key(org_id, place.subject)
        except SubjectErased:
            self.forget(org_id, place.subject)
            raise

    async def _open(self, org_id: str, reference: Reference, key: DataKey) -> bytes:
        place = place_of(reference)
        sealed = place.data if place.data is not None else await self.read(org_id, reference.sha256)
        if hashlib.sha256(sealed).hexdigest() != reference.sha256:
            raise CorruptObject("sealed bytes have another hash than their reference; restore them from a backup")
        return _plain(key, org_id, place.subject, sealed)


def _plain(key: DataKey, org_id: str, subject: str, sealed: bytes) -> bytes:
    try:
        return key.open(sealed, _bound_to(org_id, subject))
    except Rejected as exc:
        said = "sealed bytes do not open with their subject's key; restore them from a backup"
        raise CorruptObject(said) from exc


def _bound_to(org_id: str, subject: str) -> bytes:
    return f"payload\x00{org_id}\x00{subject}".encode()
