"""Webhooks of organisations, with their sealed secrets. Every statement names its organisation, but that which reads
the webhooks for the events of a batch, which names those of the events."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from connectors.ports.kms import Kms, Wrapped
from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound, Unavailable
from schemas.webhooks import new_secret

_COLUMNS = (
    f"id, org_id, url, description, events, enabled, disabled_reason, created_by, {epoch_ms('created_at')} AS "
    f"created_ms, CASE WHEN before_until > now() THEN {epoch_ms('before_until')} END AS before_until_ms"
)
_SECRETS = "sealed, sealed_under, sealed_before, sealed_before_under, coalesce(before_until > now(), false) AS both"
#: So many webhooks an organisation may have: each event is stored once for each that takes it.
MOST = 50


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A webhook without its secret. ``before_until_ms`` is there while the secret before is in force, too."""

    id: str
    org_id: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    created_by: str
    created_ms: int
    before_until_ms: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """What a delivery needs of its webhook: the secrets in force, the newest first."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)


class Webhooks:
    """The webhooks of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database, kms: Kms | None) -> None:
        self._database = database
        self._kms = kms

    async def create(
        self, org_id: str, url: str, events: Sequence[str], description: str, by: str
    ) -> tuple[StoredWebhook, str]:
        """Store a webhook; return it with its secret, which is shown this once. Raises ``Conflict`` for too many."""
        webhook_id, secret = f"wh_{secrets.token_hex(8)}", new_secret()
        sealed = await self._sealed(org_id, webhook_id, secret)
        async with self._database.transaction("store a webhook") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('webhook:' || $1, 0))", org_id)
            count = await conn.fetchval("SELECT count(*) FROM webhook WHERE org_id = $1", org_id)
            if count >= MOST:
                raise Conflict(f"the organisation has {MOST} webhooks, the most there may be; delete one")
            row = await conn.fetchrow(
                "INSERT INTO webhook (id, org_id, url, description, events, sealed, sealed_under, created_by) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_COLUMNS}",
                *(webhook_id, org_id, url, description, list(events), sealed.data, sealed.under, by),
            )
        return StoredWebhook(**returned(row, "store a webhook")), secret

    async def all(self, org_id: str) -> list[StoredWebhook]:
        """Return the organisation's webhooks, the newest first."""
        query = f"SELECT {_COLUMNS} FROM webhook WHERE org_id = $1 ORDER BY created_at DESC, id"
        return [StoredWebhook(**row) for row in await self._database.fetch("list webhooks", query, org_id)]

    async def get(self, org_id: str, webhook_id: str) -> StoredWebhook:
        """Return one. Raises ``NotFound``."""
        query = f"SELECT {_COLUMNS} FROM webhook WHERE org_id = $1 AND id = $2"
        return _found(await self._database.fetchrow("read a webhook", query, org_id, webhook_id), webhook_id)

    async def change(self, org_id: str, webhook_id: str, changes: dict[str, Any]) -> StoredWebhook:
        """Change ``url``, ``events``, ``description`` or ``enabled``; what is left out stays. Raises ``NotFound``."""
        names = [name for name in ("url", "events", "description", "enabled") if name in changes]
        sets = [f"{name} = ${at}" for at, name in enumerate(names, 3)]
        if changes.get("enabled"):
            sets.append("disabled_reason = NULL")
        if not sets:
            return await self.get(org_id, webhook_id)
        row = await self._database.fetchrow(
            "change a webhook",
            f"UPDATE webhook SET {', '.join(sets)} WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
            *(org_id, webhook_id, *(changes[name] for name in names)),
        )
        return _found(row, webhook_id)

    async def delete(self, org_id: str, webhook_id: str) -> None:
        """Remove a webhook with its deliveries. Raises ``NotFound``."""
        query = f"DELETE FROM webhook WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}"
        _found(await self._database.fetchrow("remove a webhook", query, org_id, webhook_id), webhook_id)

    async def rotate(self, org_id: str, webhook_id: str, overlap_s: int) -> tuple[StoredWebhook, str]:
        """Make a new secret; requests are signed with the one before as well for ``overlap_s`` seconds.

        Raises ``NotFound``.
        """
        secret = new_secret()
        sealed = await self._sealed(org_id, webhook_id, secret)
        row = await self._database.fetchrow(
            "rotate a webhook's secret",
            "UPDATE webhook SET sealed_before = sealed, sealed_before_under = sealed_under, "
            "before_until = now() + $5 * interval '1 second', sealed = $3, sealed_under = $4 "
            f"WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
            *(org_id, webhook_id, sealed.data, sealed.under, overlap_s),
        )
        return _found(row, webhook_id), secret

    async def disable(self, org_id: str, webhook_id: str, reason: str) -> None:
        """Send nothing to it any more, until it is enabled."""
        await self._database.fetchrow(
            "disable a webhook",
            "UPDATE webhook SET enabled = false, disabled_reason = $3 WHERE org_id = $1 AND id = $2 RETURNING id",
            *(org_id, webhook_id, reason),
        )

    async def target(self, org_id: str, webhook_id: str) -> Target | None:
        """Return where to send, with the secrets; ``None`` for one that is gone or disabled."""
        row = await self._database.fetchrow(
            "read a webhook's secret",
            f"SELECT url, {_SECRETS} FROM webhook WHERE org_id = $1 AND id = $2 AND enabled",
            *(org_id, webhook_id),
        )
        if row is None:
            return None
        wrapped = [Wrapped(row["sealed_under"], row["sealed"])]
        if row["both"]:
            wrapped.append(Wrapped(row["sealed_before_under"], row["sealed_before"]))
        place = secret_place(org_id, webhook_id)
        keys = self.keys()
        return Target(row["url"], tuple([(await keys.unwrap(one, place)).decode() for one in wrapped]))

    async def taking(self, organisations: Sequence[str]) -> dict[str, list[tuple[str, list[str]]]]:
        """Return the enabled webhooks of some organisations, by organisation: their ids and patterns of events."""
        rows = await self._database.fetch(
            "find webhooks",
            "SELECT org_id, id, events FROM webhook WHERE org_id = ANY($1) AND enabled",
            list(organisations),
        )
        found: dict[str, list[tuple[str, list[str]]]] = {}
        for row in rows:
            found.setdefault(row["org_id"], []).append((row["id"], row["events"]))
        return found

    async def _sealed(self, org_id: str, webhook_id: str, secret: str) -> Wrapped:
        return await self.keys().wrap(secret.encode(), secret_place(org_id, webhook_id))

    def keys(self) -> Kms:
        """Return what seals the secrets. Raises ``Unavailable`` where there is nothing."""
        if self._kms is None:
            raise Unavailable("vault", "webhooks need VAULT_KEY, which seals their secrets: set it and start again")
        return self._kms


def secret_place(org_id: str, webhook_id: str) -> str:
    return f"webhook/{org_id}/{webhook_id}"


def _found(row: asyncpg.Record | None, webhook_id: str) -> StoredWebhook:
    if row is None:
        raise NotFound(f"there is no webhook {webhook_id}; see GET /api/v1/webhooks")
    return StoredWebhook(**row)
