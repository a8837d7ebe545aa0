"""API keys: ``af_<id>_<secret>``, found by id and compared by keyed hash in constant time.

The bootstrap key from the environment may be any text; its id derives from its SHA-256. A key is shown once, when it is
created, and never stored. A valid key is cached for ``REMEMBER_S``, so a revoked key may work that much longer in
another process.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachetools import TTLCache

from connectors.aio.batching import SingleFlight
from connectors.postgres.keys import Keys, StoredKey
from schemas.api_models.access import ALL_PERMISSIONS, Permission
from schemas.errors import Forbidden, Unauthenticated

REMEMBER_S = 5.0
_MAX_REMEMBERED = 10_000
_ID_BYTES = 8
_SECRET_BYTES = 32
_FORMAT = re.compile(r"af_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


def bearer_key(authorization: str) -> str | None:
    """Return the key in the value of an ``Authorization`` header (RFC 6750), ``None`` where there is none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Caller:
    """The authenticated caller: a key of an organisation."""

    key_id: str
    org_id: str
    permissions: frozenset[str]
    bootstrap: bool = False

    def require(self, permission: Permission) -> None:
        """Raise ``Forbidden`` unless the key has the permission."""
        if permission not in self.permissions:
            raise Forbidden(f"this key has no {permission!r} permission; use one that has")

    def require_organisation(self, org_id: str | None) -> None:
        """Raise ``Forbidden`` if the request names an organisation other than the key's."""
        if org_id is not None and org_id != self.org_id:
            raise Forbidden("X-Org-ID names an organisation other than the key's; correct it or omit it")


@dataclass(frozen=True)
class Minted:
    """A new key: the part that is stored, and the key itself, which is shown once."""

    stored: StoredKey
    key: str

    def __repr__(self) -> str:
        return f"Minted({self.stored.id})"


class Authenticator:
    """Authenticates callers by their keys."""

    def __init__(self, keys: Keys, pepper: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._pepper = pepper.encode()
        self._looking_up: SingleFlight[bytes, Caller] = SingleFlight()
        self._remembered: TTLCache[bytes, Caller] = TTLCache(_MAX_REMEMBERED, REMEMBER_S, monotonic)

    async def authenticate(self, key: str) -> Caller:
        """Return the caller of ``key``. Raises ``Unauthenticated``, or ``Unavailable`` if keys cannot be read."""
        digest = hashlib.sha256(key.encode()).digest()
        caller = self._remembered.get(digest)
        if caller is None:
            caller = self._remembered[digest] = await self._looking_up.do(digest, lambda: self._look_up(key))
        return caller

    def forget(self, key_id: str) -> None:
        """Stop remembering a key that was revoked."""
        for digest in list(self._remembered):
            caller = self._remembered.get(digest)
            if caller is not None and caller.key_id == key_id:
                self._remembered.pop(digest, None)

    def mint(self, org_id: str, name: str, permissions: Sequence[Permission]) -> Minted:
        """Create a key with 256 random bits. Nothing is stored yet."""
        key_id = secrets.token_hex(_ID_BYTES)
        key = f"af_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        wanted = [p for p in ALL_PERMISSIONS if p in permissions]
        return Minted(StoredKey(key_id, org_id, name, self._hash(key), list(wanted), key[-4:], False, 0), key)

    def bootstrap(self, org_id: str, key: str) -> StoredKey:
        """Return the environment's key as it is stored; it has every permission and may create organisations."""
        hint = key[-4:] if len(key) >= 16 else ""  # four characters of a short key would reveal too much
        return StoredKey(_bootstrap_id(key), org_id, "bootstrap", self._hash(key), list(ALL_PERMISSIONS), hint, True, 0)

    async def _look_up(self, key: str) -> Caller:
        match = _FORMAT.fullmatch(key)
        ids = [_bootstrap_id(key)] + ([match[1]] if match else [])
        expected = self._hash(key)
        found = [k for k in await self._keys.find(ids) if hmac.compare_digest(k.hash, expected)]
        if not found:
            raise Unauthenticated("this API key is unknown; check it, or ask an admin for a new one")
        stored = found[0]
        return Caller(stored.id, stored.org_id, frozenset(stored.permissions), stored.bootstrap)

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._pepper, key.encode(), "sha256")


def _bootstrap_id(key: str) -> str:
    return f"bootstrap-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
