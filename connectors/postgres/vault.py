"""Keys of model providers that organisations bring along, wrapped by the master key.

Every statement names its organisation but one: ``reseal``, which an operator runs when the master key changes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
from pydantic import SecretStr

from connectors.kms.sealing import UnreadableError
from connectors.ports.kms import Kms, Wrapped
from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import NotFound

_SHOWN = (
    f"provider, fingerprint, {epoch_ms('created_at')} AS created_ms, {epoch_ms('rotated_at')} AS rotated_ms, "
    f"{epoch_ms('last_used_at')} AS last_used_ms"
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What may be shown of a stored key. ``fingerprint`` is the beginning of its SHA-256."""

    provider: str
    fingerprint: str
    created_ms: int
    rotated_ms: int
    last_used_ms: int | None


ProviderKey = SecretStr | UnreadableError
"""A provider's key, or why it cannot be read."""


class Resealed(NamedTuple):
    """How many keys were sealed again, and the places of those that do not open."""

    sealed: int
    left: tuple[str, ...]


class Vault:
    """The keys of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database, kms: Kms) -> None:
        self._database = database
        self._kms = kms

    async def put(self, org_id: str, provider: str, key: SecretStr) -> Credential:
        """Store a key, in place of the one before."""
        text = key.get_secret_value()
        sealed = await self._kms.wrap(text.encode(), _place(org_id, provider))
        row = await self._database.fetchrow(
            "store a provider's key",
            "INSERT INTO provider_key (org_id, provider, sealed, sealed_under, fingerprint) "
            "VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (org_id, provider) DO UPDATE SET sealed = excluded.sealed, rotated_at = now(), "
            "sealed_under = excluded.sealed_under, fingerprint = excluded.fingerprint, last_used_at = NULL "
            f"RETURNING {_SHOWN}",
            *(org_id, provider, sealed.data, sealed.under, fingerprint(text)),
        )
        return Credential(**returned(row, "store a provider's key"))

    async def get(self, org_id: str, provider: str) -> Credential:
        """Return what may be shown of a key. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a provider's key",
            f"SELECT {_SHOWN} FROM provider_key WHERE org_id = $1 AND provider = $2",
            *(org_id, provider),
        )
        if row is None:
            raise _missing(provider)
        return Credential(**row)

    async def all(self, org_id: str) -> list[Credential]:
        """Return what may be shown of the organisation's keys, by provider."""
        query = f"SELECT {_SHOWN} FROM provider_key WHERE org_id = $1 ORDER BY provider"
        return [Credential(**row) for row in await self._database.fetch("list keys of providers", query, org_id)]

    async def delete(self, org_id: str, provider: str) -> None:
        """Remove a key. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "remove a provider's key",
            "DELETE FROM provider_key WHERE org_id = $1 AND provider = $2 RETURNING provider",
            *(org_id, provider),
        )
        if row is None:
            raise _missing(provider)

    async def keys(self, org_id: str) -> Mapping[str, ProviderKey]:
        """Return the organisation's keys by provider, to be sent to providers and nowhere else."""
        rows = await self._database.fetch(
            "read keys of providers",
            "SELECT provider, sealed, sealed_under FROM provider_key WHERE org_id = $1",
            org_id,
        )
        return {row["provider"]: await self._opened(org_id, row) for row in rows}

    async def used(self, org_id: str, provider: str) -> None:
        """Note that a key is used now."""
        await self._database.fetch(
            "note the use of a provider's key",
            "UPDATE provider_key SET last_used_at = now() WHERE org_id = $1 AND provider = $2",
            *(org_id, provider),
        )

    async def reseal(self) -> Resealed:
        """Wrap what is under another master key under the current one, in one transaction.

        Keys that do not open are left as they are.
        """
        left, current = [], await self._kms.current()
        async with self._database.transaction("seal keys again") as conn:
            rows = await conn.fetch(
                "SELECT org_id, provider, sealed, sealed_under FROM provider_key WHERE sealed_under <> $1 FOR UPDATE",
                current,
            )
            for row in rows:
                place = _place(row["org_id"], row["provider"])
                try:
                    secret = await self._kms.unwrap(Wrapped(row["sealed_under"], row["sealed"]), place)
                except UnreadableError:
                    left.append(place)
                    continue
                wrapped = await self._kms.wrap(secret, place)
                await conn.execute(
                    "UPDATE provider_key SET sealed = $3, sealed_under = $4 WHERE org_id = $1 AND provider = $2",
                    *(row["org_id"], row["provider"], wrapped.data, wrapped.under),
                )
        return Resealed(len(rows) - len(left), tuple(left))

    async def _opened(self, org_id: str, row: asyncpg.Record) -> ProviderKey:
        wrapped = Wrapped(row["sealed_under"], row["sealed"])
        try:
            return SecretStr((await self._kms.unwrap(wrapped, _place(org_id, row["provider"]))).decode())
        except UnreadableError as exc:
            return exc


def fingerprint(key: str) -> str:
    """Return what a key is known by: the first 16 digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _place(org_id: str, provider: str) -> str:
    # Neither has a slash. A row that is copied to another organisation does not open there.
    return f"provider-key/{org_id}/{provider}"


def _missing(provider: str) -> NotFound:
    return NotFound(
        f"there is no key of provider {provider}; store one by PUT /api/v1/providers/{provider}/credentials"
    )
