"""API keys. A key is found by its id and compared by its keyed hash; it is stored nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.organisations import insert_organisation
from schemas.errors import Conflict, NotFound

_COLUMNS = (
    f"id, org_id, name, hash, permissions, last4, bootstrap, {epoch_ms('created_at')} AS created_ms, project, scopes, "
    f"{epoch_ms('expires_at')} AS expires_ms, {epoch_ms('last_used_at')} AS last_used_ms, requests_per_minute, "
    f"hash_before, {epoch_ms('before_until')} AS before_until_ms, {epoch_ms('rotated_at')} AS rotated_ms"
)
#: How the ids of keys begin that ``auth.api_keys`` of the configuration gives.
CONFIGURED = "configured-"
_ARCHIVED = (
    "EXISTS (SELECT FROM project WHERE project.org_id = api_key.org_id AND project.id = api_key.project "
    "AND archived_at IS NOT NULL) AS archived"
)
_TIME = "to_timestamp({}::double precision / 1000)"


@dataclass(frozen=True)
class StoredSecret:
    """What is stored of a key's secret: its keyed hash, and its last characters as a hint."""

    hash: bytes
    last4: str


@dataclass(frozen=True)
class StoredKey:
    """An API key as it is stored. ``hash_before`` is valid until ``before_until_ms``, after a rotation.

    ``archived`` is the state of its project, and is only known of keys that were found to authenticate with.
    """

    id: str
    org_id: str
    name: str
    hash: bytes
    permissions: list[str]
    last4: str
    bootstrap: bool
    created_ms: int
    project: str | None = None
    scopes: list[str] = field(default_factory=list)
    expires_ms: int | None = None
    last_used_ms: int | None = None
    requests_per_minute: int | None = None
    hash_before: bytes | None = None
    before_until_ms: int | None = None
    rotated_ms: int | None = None
    archived: bool = False


class KeyChanges(TypedDict, total=False):
    """What may change of a key; what is left out stays."""

    name: str
    permissions: list[str]
    scopes: list[str]
    expires_ms: int | None
    requests_per_minute: int | None


_CHANGED = {"expires_ms": ("expires_at", _TIME)}


class Keys:
    """The keys of organisations. ``project`` limits a method to the keys of one. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, ids: Sequence[str]) -> list[StoredKey]:
        """Return the unrevoked keys with these ids, of any organisation: the key determines it."""
        rows = await self._database.fetch(
            "look up an API key",
            f"SELECT {_COLUMNS}, {_ARCHIVED} FROM api_key WHERE id = ANY($1) AND revoked_at IS NULL",
            list(ids),
        )
        return [_key(row) for row in rows]

    async def create(self, key: StoredKey) -> StoredKey:
        """Store a key of an organisation that exists. Raises ``NotFound`` for a project that does not."""
        async with self._database.connection("store an API key") as conn:
            try:
                return await _insert(conn, key)
            except asyncpg.ForeignKeyViolationError as exc:
                raise NotFound(f"there is no project {key.project}; see GET /api/v1/projects") from exc

    async def all(self, org_id: str, project: str | None = None) -> list[StoredKey]:
        """Return the organisation's keys that are not revoked, oldest first."""
        rows = await self._database.fetch(
            "list API keys",
            f"SELECT {_COLUMNS} FROM api_key WHERE org_id = $1 AND revoked_at IS NULL "
            "AND ($2::text IS NULL OR project = $2) ORDER BY created_at, id",
            *(org_id, project),
        )
        return [_key(row) for row in rows]

    async def get(self, org_id: str, key_id: str, project: str | None = None) -> StoredKey:
        """Return a key that is not revoked. Raises ``NotFound``."""
        async with self._database.connection("read an API key") as conn:
            return await _found(conn, org_id, key_id, project)

    async def change(self, org_id: str, key_id: str, changes: KeyChanges, project: str | None = None) -> StoredKey:
        """Change a key. Raises ``NotFound``; ``Conflict`` for a key of the settings."""
        sets = {name: _CHANGED.get(name, (name, "{}")) for name in changes}
        texts = [f"{column} = {form.format(f'${n}')}" for n, (column, form) in enumerate(sets.values(), start=2)]
        async with self._database.transaction("change an API key") as conn:
            before = await _own(conn, org_id, key_id, project)
            if not changes:
                return before
            row = await conn.fetchrow(
                f"UPDATE api_key SET {', '.join(texts)} WHERE id = $1 RETURNING {_COLUMNS}", key_id, *changes.values()
            )
        return _key(returned(row, "change an API key"))

    async def rotate(
        self, org_id: str, key_id: str, new: StoredSecret, overlap_s: float, project: str | None = None
    ) -> StoredKey:
        """Give a key another secret; the one before stays valid for ``overlap_s``. Raises as ``change`` does."""
        async with self._database.transaction("rotate an API key") as conn:
            await _own(conn, org_id, key_id, project)
            row = await conn.fetchrow(
                "UPDATE api_key SET hash_before = CASE WHEN $4 > 0 THEN hash END, "
                "before_until = CASE WHEN $4 > 0 THEN now() + $4 * interval '1 second' END, hash = $2, last4 = $3, "
                f"rotated_at = now() WHERE id = $1 RETURNING {_COLUMNS}",
                *(key_id, new.hash, new.last4, float(overlap_s)),
            )
        return _key(returned(row, "rotate an API key"))

    async def revoke(self, org_id: str, key_id: str, project: str | None = None) -> None:
        """Revoke a key. Raises ``NotFound``; ``Conflict`` for a key of the settings, which control it."""
        async with self._database.transaction("revoke an API key") as conn:
            await _own(conn, org_id, key_id, project)
            await conn.execute("UPDATE api_key SET revoked_at = now() WHERE id = $1", key_id)

    async def used(self, at_ms: Mapping[str, int]) -> None:
        """Note when keys were last used, by id. An older time than the stored one changes nothing."""
        await self._database.fetch(
            "note the use of API keys",
            f"UPDATE api_key SET last_used_at = {_TIME.format('v.ms')} "
            "FROM unnest($1::text[], $2::bigint[]) AS v (id, ms) WHERE api_key.id = v.id "
            f"AND (last_used_at IS NULL OR last_used_at < {_TIME.format('v.ms')})",
            *(list(at_ms), list(at_ms.values())),
        )

    async def create_organisation(self, org_id: str, name: str, first: StoredKey) -> StoredKey:
        """Store an organisation with its first key. Raises ``Conflict`` when it exists."""
        async with self._database.transaction("store an organisation") as conn:
            if not await insert_organisation(conn, org_id, name):
                raise Conflict(f"organisation {org_id} exists")
            return await _insert(conn, first)

    async def bootstrap(self, org_id: str, given: Sequence[StoredKey]) -> None:
        """Ensure the default organisation, and the keys that settings give, with their organisations.

        Such a key lives as long as the settings name it: every other one is removed.
        """
        async with self._database.transaction("store the keys of the settings") as conn:
            for organisation in dict.fromkeys([org_id, *(key.org_id for key in given)]):
                await insert_organisation(conn, organisation, "")
            await conn.execute(
                "DELETE FROM api_key WHERE (bootstrap OR starts_with(id, $1)) AND id <> ALL($2::text[])",
                *(CONFIGURED, [key.id for key in given]),
            )
            for key in given:
                await conn.execute(
                    "INSERT INTO api_key (id, org_id, name, hash, permissions, last4, bootstrap) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET org_id = excluded.org_id, "
                    "name = excluded.name, hash = excluded.hash, permissions = excluded.permissions, revoked_at = NULL",
                    *(key.id, key.org_id, key.name, key.hash, key.permissions, key.last4, key.bootstrap),
                )


async def _insert(conn: Connection, key: StoredKey) -> StoredKey:
    row = await conn.fetchrow(
        "INSERT INTO api_key (id, org_id, name, hash, permissions, last4, bootstrap, project, scopes, expires_at, "
        "requests_per_minute) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        f"{_TIME.format('$10')}, $11) RETURNING {_COLUMNS}",
        *(key.id, key.org_id, key.name, key.hash, key.permissions, key.last4, key.bootstrap),
        *(key.project, key.scopes, key.expires_ms, key.requests_per_minute),
    )
    return _key(returned(row, "store an API key"))


async def _own(conn: Connection, org_id: str, key_id: str, project: str | None) -> StoredKey:
    """Return a key that may be changed, locked."""
    key = await _found(conn, org_id, key_id, project, "FOR UPDATE")
    if key.bootstrap:
        raise Conflict("the bootstrap key comes from API_KEY: change or remove that setting and restart")
    if key.id.startswith(CONFIGURED):
        raise Conflict("this key comes from auth.api_keys of the configuration: change that list and restart")
    return key


async def _found(conn: Connection, org_id: str, key_id: str, project: str | None, lock: str = "") -> StoredKey:
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM api_key WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL "
        f"AND ($3::text IS NULL OR project = $3) {lock}",
        *(org_id, key_id, project),
    )
    if row is None:
        raise NotFound(f"there is no API key {key_id}; see GET /api/v1/keys")
    return _key(row)


def _key(row: asyncpg.Record) -> StoredKey:
    return StoredKey(**row)
