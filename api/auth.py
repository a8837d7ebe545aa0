"""API keys: ``af_<id>_<secret>``, found by id and compared by keyed hash in constant time; and tokens, if accepted.

Keys that settings give may be any text; their ids derive from their SHA-256. A key is shown once, when it is
created or rotated, and never stored. A valid key is cached for ``REMEMBER_S`` from the beginning of its look-up, so a
revoked key may work that much longer in another process.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from api.caller import Caller
from api.last_uses import LastUses
from connectors.aio.batching import SingleFlight
from connectors.postgres.keys import CONFIGURED, Keys, StoredKey, StoredSecret
from schemas import clock
from schemas.api_models.access import ALL_PERMISSIONS, Permission, in_order
from schemas.configuration.seeded_keys import SeededKey
from schemas.errors import Unauthenticated
from schemas.scopes import Scopes

BOOTSTRAP = "bootstrap-"
REMEMBER_S = 5.0
_MAX_REMEMBERED = 10_000
_ID_BYTES = 8
_SECRET_BYTES = 32
_FORMAT = re.compile(r"af_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


def bearer_key(authorization: str) -> str | None:
    """Return the key in the value of an ``Authorization`` header (RFC 6750), ``None`` where there is none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


class Tokens(Protocol):
    """Verifies tokens of an issuer, see ``api.tokens``."""

    def looks_like_one(self, text: str) -> bool:
        """Return whether a text is to be read as a token, and not as a key."""
        ...

    async def caller(self, token: str) -> Caller:
        """Return who sends a token. Raises ``Unauthenticated`` and ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBounds:
    """What a new key is bound to: a project, scopes, a time, a rate. Without any it may do all that its rights say."""

    project: str | None = None
    scopes: Sequence[str] = ()
    expires_ms: int | None = None
    requests_per_minute: int | None = None


UNBOUNDED = KeyBounds()


@dataclass(frozen=True)
class Minted:
    """A new key: the part that is stored, and the key itself, which is shown once."""

    stored: StoredKey
    key: str

    def __repr__(self) -> str:
        return f"Minted({self.stored.id})"


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class Authenticator:
    """Authenticates callers by their keys, and by tokens where ``tokens`` accepts them."""

    def __init__(
        self,
        keys: Keys,
        pepper: str,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = clock.now_ms,
        *,
        tokens: Tokens | None = None,
    ) -> None:
        self._keys = keys
        self._pepper = pepper.encode()
        self._monotonic = monotonic
        self._now_ms = now_ms
        self._tokens = tokens
        self._looking_up: SingleFlight[bytes, _Known] = SingleFlight()
        self._remembered: LRUCache[bytes, _Known] = LRUCache(_MAX_REMEMBERED)
        self.uses = LastUses(keys.used, now_ms)

    async def authenticate(self, key: str) -> Caller:
        """Return the caller of ``key``. Raises ``Unauthenticated``, or ``Unavailable`` if keys cannot be read."""
        digest = hashlib.sha256(key.encode()).digest()
        known = self._remembered.get(digest)
        if known is None or self._monotonic() >= known.until:
            known = await self._looking_up.do(digest, lambda: self._look_up(digest, key))
        caller = known.caller
        if caller.valid_until_ms is not None and self._now_ms() >= caller.valid_until_ms:
            raise Unauthenticated("this API key has expired, or was rotated; use the new one, or ask an admin for one")
        return caller

    def forget(self, key_id: str) -> None:
        """Stop remembering a key that was revoked or changed."""
        for digest, known in list(self._remembered.items()):
            if known.caller.key_id == key_id:
                self._remembered.pop(digest, None)

    def forget_organisation(self, org_id: str) -> None:
        """Stop remembering an organisation's keys: what they depend on has changed."""
        for digest, known in list(self._remembered.items()):
            if known.caller.org_id == org_id:
                self._remembered.pop(digest, None)

    def mint(
        self,
        org_id: str,
        name: str,
        permissions: Sequence[Permission],
        bounds: KeyBounds = UNBOUNDED,
    ) -> Minted:
        """Create a key with 256 random bits. Nothing is stored yet."""
        key_id = secrets.token_hex(_ID_BYTES)
        key = _new_secret(key_id)
        stored = StoredKey(
            id=key_id,
            org_id=org_id,
            name=name,
            hash=self._hash(key),
            permissions=list(in_order(permissions)),
            last4=key[-4:],
            bootstrap=False,
            created_ms=0,
            project=bounds.project,
            scopes=list(Scopes.of(bounds.scopes).texts),
            expires_ms=bounds.expires_ms,
            requests_per_minute=bounds.requests_per_minute,
        )
        return Minted(stored, key)

    def again(self, key_id: str) -> tuple[StoredSecret, str]:
        """Return another secret of a key that exists, as it is stored and as it is shown. Nothing is stored yet."""
        key = _new_secret(key_id)
        return StoredSecret(self._hash(key), key[-4:]), key

    def bootstrap(self, org_id: str, key: str) -> StoredKey:
        """Return the environment's key as it is stored; it has every permission and may create organisations."""
        hint = key[-4:] if len(key) >= 16 else ""  # four characters of a short key would reveal too much
        return StoredKey(
            _id_of(BOOTSTRAP, key), org_id, "bootstrap", self._hash(key), list(ALL_PERMISSIONS), hint, True, 0
        )

    def configured(self, given: SeededKey) -> StoredKey:
        """Return a key that the configuration gives as it is stored: one of its organisation, and no more."""
        key, wanted = given.key.get_secret_value(), list[str](in_order(given.permissions))
        return StoredKey(_id_of(CONFIGURED, key), given.org_id, given.name, self._hash(key), wanted, key[-4:], False, 0)

    async def _look_up(self, digest: bytes, key: str) -> _Known:
        # What was read before a revocation must not be trusted longer than what was read at that moment.
        until = self._monotonic() + REMEMBER_S
        if self._tokens is not None and self._tokens.looks_like_one(key):
            known = _Known(await self._tokens.caller(key), until)
        else:
            known = _Known(await self._caller(key), until)
            self.uses.note(known.caller.key_id)
        self._remembered[digest] = known
        return known

    async def _caller(self, key: str) -> Caller:
        match = _FORMAT.fullmatch(key)
        ids = [_id_of(BOOTSTRAP, key), _id_of(CONFIGURED, key), *([match[1]] if match else [])]
        given = self._hash(key)
        for stored in await self._keys.find(ids):
            for expected, until_ms in _hashes(stored):
                if hmac.compare_digest(expected, given):
                    return _caller(stored, until_ms)
        raise Unauthenticated("this API key is unknown; check it, or ask an admin for a new one")

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self._pepper, key.encode(), "sha256")


def _hashes(stored: StoredKey) -> Iterator[tuple[bytes, int | None]]:
    """Yield the hashes that a key may have, each with its end."""
    yield stored.hash, stored.expires_ms
    if stored.hash_before is not None and stored.before_until_ms is not None:
        ends = [one for one in (stored.expires_ms, stored.before_until_ms) if one is not None]
        yield stored.hash_before, min(ends)


def _caller(stored: StoredKey, until_ms: int | None) -> Caller:
    return Caller(
        key_id=stored.id,
        org_id=stored.org_id,
        permissions=frozenset(stored.permissions),
        bootstrap=stored.bootstrap,
        project=stored.project,
        scopes=Scopes.of(stored.scopes),
        valid_until_ms=until_ms,
        requests_per_minute=stored.requests_per_minute,
        archived=stored.archived,
    )


def _new_secret(key_id: str) -> str:
    return f"af_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def _id_of(prefix: str, key: str) -> str:
    """Return the id of a key that settings give, which may be any text."""
    return f"{prefix}{hashlib.sha256(key.encode()).hexdigest()[:16]}"
