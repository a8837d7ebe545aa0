"""Organisations and API keys. A key is found by its id and compared by its keyed hash; it is stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from schemas.errors import Conflict, NotFound

_COLUMNS = f"id, org_id, name, hash, permissions, last4, bootstrap, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class StoredKey:
    """An API key as it is stored."""

    id: str
    org_id: str
    name: str
    hash: bytes
    permissions: list[str]
    last4: str
    bootstrap: bool
    created_ms: int


class Keys:
    """Organisations and their keys. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, ids: Sequence[str]) -> list[StoredKey]:
        """Return the unrevoked keys with these ids, of any organisation: the key determines it."""
        rows = await self._database.fetch(
            "look up an API key",
            f"SELECT {_COLUMNS} FROM api_key WHERE id = ANY($1) AND revoked_at IS NULL",
            list(ids),
        )
        return [_key(row) for row in rows]

    async def create(self, key: StoredKey) -> StoredKey:
        """Store a key of an organisation that exists."""
        async with self._database.connection("store an API key") as conn:
            row = await conn.fetchrow(
                "INSERT INTO api_key (id, org_id, name, hash, permissions, last4, bootstrap) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
                *(key.id, key.org_id, key.name, key.hash, key.permissions, key.last4, key.bootstrap),
            )
        return _key(returned(row, "store an API key"))

    async def all(self, org_id: str) -> list[StoredKey]:
        """Return the organisation's keys that are not revoked, oldest first."""
        rows = await self._database.fetch(
            "list API keys",
            f"SELECT {_COLUMNS} FROM api_key WHERE org_id = $1 AND revoked_at IS NULL ORDER BY created_at, id",
            org_id,
        )
        return [_key(row) for row in rows]

    async def revoke(self, org_id: str, key_id: str) -> None:
        """Revoke a key. Raises ``NotFound``; ``Conflict`` for the bootstrap key, which the environment controls."""
        async with self._database.transaction("revoke an API key") as conn:
            row = await conn.fetchrow(
                "SELECT bootstrap FROM api_key WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL FOR UPDATE",
                *(org_id, key_id),
            )
            if row is None:
                raise NotFound(f"there is no API key {key_id}; see GET /api/v1/keys")
            if row["bootstrap"]:
                raise Conflict("the bootstrap key comes from API_KEY: change or remove that setting and restart")
            await conn.execute("UPDATE api_key SET revoked_at = now() WHERE id = $1", key_id)

    async def create_organisation(self, org_id: str, name: str, first: StoredKey) -> StoredKey:
        """Store an organisation with its first key. Raises ``Conflict`` when it exists."""
        async with self._database.transaction("store an organisation") as conn:
            if not await _insert_organisation(conn, org_id, name):
                raise Conflict(f"organisation {org_id} exists")
            row = await conn.fetchrow(
                "INSERT INTO api_key (id, org_id, name, hash, permissions, last4) "
                f"VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
                *(first.id, org_id, first.name, first.hash, first.permissions, first.last4),
            )
        return _key(returned(row, "store an API key"))

    async def organisations(self) -> list[str]:
        """Return the ids of all organisations."""
        rows = await self._database.fetch("list organisations", "SELECT id FROM organisation ORDER BY id")
        return [row["id"] for row in rows]

    async def bootstrap(self, org_id: str, key: StoredKey | None) -> None:
        """Ensure the default organisation and its bootstrap key.

        A bootstrap key lives as long as the environment names it: every other one is removed.
        """
        async with self._database.transaction("store the bootstrap key") as conn:
            await _insert_organisation(conn, org_id, "")
            await conn.execute("DELETE FROM api_key WHERE bootstrap AND id <> $1", key.id if key else "")
            if key is not None:
                await conn.execute(
                    "INSERT INTO api_key (id, org_id, name, hash, permissions, last4, bootstrap) "
                    "VALUES ($1, $2, $3, $4, $5, $6, true) ON CONFLICT (id) DO UPDATE SET org_id = excluded.org_id, "
                    "hash = excluded.hash, permissions = excluded.permissions, revoked_at = NULL",
                    *(key.id, org_id, key.name, key.hash, key.permissions, key.last4),
                )


async def _insert_organisation(conn: Connection, org_id: str, name: str) -> bool:
    row = await conn.fetchrow(
        "INSERT INTO organisation (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
        org_id,
        name,
    )
    if row is None:
        return False
    await enqueue(conn, "organisation", org_id, org_id, {"id": org_id, "name": name})
    return True


def _key(row: asyncpg.Record) -> StoredKey:
    return StoredKey(**row)
