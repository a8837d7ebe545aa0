"""Secrets for tools, sealed by the master key. Every statement names its organisation, but ``reseal``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg
from pydantic import SecretStr

from connectors.kms.sealing import UnreadableError
from connectors.ports.kms import Kms, Wrapped
from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.vault import Resealed
from connectors.tools.secrets import ToolSecret
from connectors.tools.sites import site_of
from schemas.errors import Conflict, NotFound

#: An organisation's processes read all of its secrets at once.
MOST = 200
#: Versions that are kept of one secret, so that one may be put in force again.
KEPT = 5
_SHOWN = (
    f"name, hosts, tools, current, created_by, {epoch_ms('created_at')} AS created_ms, "
    f"{epoch_ms('changed_at')} AS changed_ms, {epoch_ms('last_used_at')} AS last_used_ms"
)


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What may be shown of a secret: never anything of its value. ``current`` is the version in force."""

    name: str
    hosts: list[str]
    tools: list[str]
    current: int
    created_by: str
    created_ms: int
    changed_ms: int
    last_used_ms: int | None


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a secret, without its value."""

    version: int
    created_by: str
    created_ms: int


class SecretStore:
    """The secrets of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database, kms: Kms) -> None:
        self._database = database
        self._kms = kms

    async def put(
        self, org_id: str, name: str, value: SecretStr, hosts: Sequence[str], tools: Sequence[str], by: str
    ) -> StoredSecret:
        """Store a value as the newest version, which is in force from now on. Raises ``Conflict`` for too many."""
        async with self._database.transaction("store a secret") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('tool_secret:' || $1, 0))", org_id)
            version = 1 + (
                await conn.fetchval(
                    "SELECT coalesce(max(version), 0) FROM tool_secret_version WHERE org_id = $1 AND name = $2",
                    *(org_id, name),
                )
            )
            if version == 1 and await _count(conn, org_id) >= MOST:
                raise Conflict(f"the organisation has {MOST} secrets, the most there may be; delete one")
            sealed = await self._kms.wrap(value.get_secret_value().encode(), place(org_id, name, version))
            row = await conn.fetchrow(
                "INSERT INTO tool_secret (org_id, name, hosts, tools, current, created_by) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, name) DO UPDATE SET hosts = excluded.hosts, "
                f"tools = excluded.tools, current = excluded.current, changed_at = now() RETURNING {_SHOWN}",
                *(org_id, name, list(hosts), list(tools), version, by),
            )
            await conn.execute(
                "INSERT INTO tool_secret_version (org_id, name, version, sealed, sealed_under, created_by) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                *(org_id, name, version, sealed.data, sealed.under, by),
            )
            await conn.execute(
                "DELETE FROM tool_secret_version WHERE org_id = $1 AND name = $2 AND version <= $3",
                *(org_id, name, version - KEPT),
            )
        return StoredSecret(**returned(row, "store a secret"))

    async def all(self, org_id: str) -> list[StoredSecret]:
        """Return what may be shown of the organisation's secrets, by name."""
        query = f"SELECT {_SHOWN} FROM tool_secret WHERE org_id = $1 ORDER BY name"
        return [StoredSecret(**row) for row in await self._database.fetch("list secrets", query, org_id)]

    async def get(self, org_id: str, name: str) -> StoredSecret:
        """Return what may be shown of one. Raises ``NotFound``."""
        query = f"SELECT {_SHOWN} FROM tool_secret WHERE org_id = $1 AND name = $2"
        return _found(await self._database.fetchrow("read a secret", query, org_id, name), name)

    async def versions(self, org_id: str, name: str) -> list[SecretVersion]:
        """Return the versions that are kept, the newest first."""
        rows = await self._database.fetch(
            "list versions of a secret",
            f"SELECT version, created_by, {epoch_ms('created_at')} AS created_ms FROM tool_secret_version "
            "WHERE org_id = $1 AND name = $2 ORDER BY version DESC",
            *(org_id, name),
        )
        return [SecretVersion(**row) for row in rows]

    async def change(
        self, org_id: str, name: str, hosts: Sequence[str], tools: Sequence[str], version: int
    ) -> StoredSecret:
        """Change who may use a secret, and which version is in force. Raises ``NotFound``."""
        async with self._database.transaction("change a secret") as conn:
            there = await conn.fetchval(
                "SELECT version FROM tool_secret_version WHERE org_id = $1 AND name = $2 AND version = $3",
                *(org_id, name, version),
            )
            if there is None:
                raise NotFound(f"there is no version {version} of a secret {name}; list them by GET /api/v1/secrets")
            row = await conn.fetchrow(
                "UPDATE tool_secret SET hosts = $3, tools = $4, current = $5, changed_at = now() "
                f"WHERE org_id = $1 AND name = $2 RETURNING {_SHOWN}",
                *(org_id, name, list(hosts), list(tools), version),
            )
        return _found(row, name)

    async def delete(self, org_id: str, name: str) -> None:
        """Remove a secret with all of its versions. Raises ``NotFound``."""
        query = f"DELETE FROM tool_secret WHERE org_id = $1 AND name = $2 RETURNING {_SHOWN}"
        _found(await self._database.fetchrow("remove a secret", query, org_id, name), name)

    async def delete_version(self, org_id: str, name: str, version: int) -> None:
        """Remove a version that is not in force. Raises ``NotFound`` and ``Conflict``."""
        if (await self.get(org_id, name)).current == version:
            raise Conflict(f"version {version} of secret {name} is in force; set another value first, or delete it all")
        row = await self._database.fetchrow(
            "remove a version of a secret",
            "DELETE FROM tool_secret_version v WHERE org_id = $1 AND name = $2 AND version = $3 AND NOT EXISTS "
            "(SELECT 1 FROM tool_secret s WHERE s.org_id = $1 AND s.name = $2 AND s.current = v.version) "
            "RETURNING version",
            *(org_id, name, version),
        )
        if row is None:
            raise NotFound(f"there is no version {version} of secret {name} that could be removed")

    async def values(self, org_id: str) -> Mapping[str, ToolSecret]:
        """Return the organisation's secrets, opened, to be given to tools and to nothing else."""
        rows = await self._database.fetch(
            "open secrets",
            "SELECT s.name, hosts, tools, version, sealed, sealed_under FROM tool_secret s JOIN tool_secret_version v "
            "ON v.org_id = s.org_id AND v.name = s.name AND v.version = s.current WHERE s.org_id = $1",
            org_id,
        )
        return {row["name"]: await self._opened(org_id, row) for row in rows}

    async def used(self, org_id: str, name: str) -> None:
        """Note that a secret is used now."""
        await self._database.fetch(
            "note the use of a secret",
            "UPDATE tool_secret SET last_used_at = now() WHERE org_id = $1 AND name = $2",
            *(org_id, name),
        )

    async def reseal(self) -> Resealed:
        """Wrap versions that are under another master key by the present one; those that do not open stay."""
        current, sealed, left = await self._kms.current(), 0, list[str]()
        rows = await self._database.fetch(
            "read secrets under another key",
            "SELECT org_id, name, version, sealed, sealed_under FROM tool_secret_version WHERE sealed_under <> $1",
            current,
        )
        for row in rows:
            at = place(row["org_id"], row["name"], row["version"])
            try:
                value = await self._kms.unwrap(Wrapped(row["sealed_under"], row["sealed"]), at)
            except UnreadableError:
                left.append(at)
                continue
            wrapped = await self._kms.wrap(value, at)
            sealed += len(
                await self._database.fetch(
                    "wrap a secret again",
                    "UPDATE tool_secret_version SET sealed = $4, sealed_under = $5 "
                    "WHERE org_id = $1 AND name = $2 AND version = $3 AND sealed = $6 RETURNING version",
                    *(row["org_id"], row["name"], row["version"], wrapped.data, wrapped.under, row["sealed"]),
                )
            )
        return Resealed(sealed, tuple(left))

    async def _opened(self, org_id: str, row: asyncpg.Record) -> ToolSecret:
        at = place(org_id, row["name"], row["version"])
        sites, tools = tuple(map(site_of, row["hosts"])), tuple(row["tools"])
        try:
            value = (await self._kms.unwrap(Wrapped(row["sealed_under"], row["sealed"]), at)).decode()
        except UnreadableError as exc:
            return ToolSecret("", sites, tools, unreadable=str(exc))
        return ToolSecret(value, sites, tools)


def place(org_id: str, name: str, version: int) -> str:
    """Return what a sealed value is bound to: copied to another row it does not open."""
    return f"tool-secret/{org_id}/{name}/{version}"


async def _count(conn: Connection, org_id: str) -> int:
    return int(await conn.fetchval("SELECT count(*) FROM tool_secret WHERE org_id = $1", org_id))


def _found(row: asyncpg.Record | None, name: str) -> StoredSecret:
    if row is None:
        raise NotFound(f"there is no secret {name}; store it by PUT /api/v1/secrets/{name}, or: agentctl secret set")
    return StoredSecret(**row)
