"""Price lists of organisations: one row per version, never changed."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from schemas.errors import NotFound
from schemas.price_lists import PriceList, StoredPriceList

#: The id of the one definition that an organisation's lists are versions of.
DEFINITION_ID = "prices"
#: How many versions are read at most, the newest; older ones hold for no call to come.
MAX_VERSIONS = 1_000
_COLUMNS = f"version, effective_from_ms, rules, created_by, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class ListVersion:
    """One version, and the id of the key that made it."""

    stored: StoredPriceList
    created_by: str
    created_ms: int


@dataclass(frozen=True)
class ListLine:
    """What a version is: how many prices it has, and rules for models without one."""

    version: int
    effective_from_ms: int
    prices: int
    rules: int
    created_by: str
    created_ms: int


class PriceListStore:
    """The lists of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, rules: PriceList, effective_from_ms: int, by: str) -> tuple[ListVersion, bool]:
        """Store the next version; return it, and true if it is new: not when the list of that time says the same."""
        body = rules.model_dump(mode="json", exclude_defaults=True)
        async with self._database.transaction("store a price list") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"price_list:{org_id}")
            before = await conn.fetchrow(
                f"SELECT {_COLUMNS} FROM price_list WHERE org_id = $1 AND effective_from_ms <= $2 "
                "ORDER BY effective_from_ms DESC, version DESC LIMIT 1",
                *(org_id, effective_from_ms),
            )
            if before is not None and (there := _version(before)).stored.rules == rules:
                return there, False
            number = await conn.fetchval(
                "SELECT coalesce(max(version), 0) + 1 FROM price_list WHERE org_id = $1", org_id
            )
            row = await conn.fetchrow(
                "INSERT INTO price_list (org_id, version, effective_from_ms, rules, created_by) "
                f"VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}",
                *(org_id, number, effective_from_ms, body, by),
            )
            made = _version(returned(row, "store a price list"))
            await enqueue(conn, "price_list", org_id, DEFINITION_ID, made.stored.body(), number)
        return made, True

    async def get(self, org_id: str, version: int) -> ListVersion:
        """Return a version. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a price list",
            f"SELECT {_COLUMNS} FROM price_list WHERE org_id = $1 AND version = $2",
            *(org_id, version),
        )
        if row is None:
            raise NotFound(f"there is no price list {version}; see GET /api/v1/prices/overrides")
        return _version(row)

    async def after(self, org_id: str, version: int) -> list[ListVersion]:
        """Return the versions above one, the newest first; 0 is below all."""
        rows = await self._database.fetch(
            "read price lists",
            f"SELECT {_COLUMNS} FROM price_list WHERE org_id = $1 AND version > $2 "
            f"ORDER BY version DESC LIMIT {MAX_VERSIONS}",
            *(org_id, version),
        )
        return [_version(row) for row in rows]

    async def lines(self, org_id: str) -> list[ListLine]:
        """Return what the versions are, the newest first, without their prices."""
        rows = await self._database.fetch(
            "list price lists",
            "SELECT version, effective_from_ms, created_by, "
            "coalesce(jsonb_array_length(rules -> 'prices'), 0) AS prices, "
            f"coalesce(jsonb_array_length(rules -> 'priced_as'), 0) AS rules, {epoch_ms('created_at')} AS created_ms "
            f"FROM price_list WHERE org_id = $1 ORDER BY version DESC LIMIT {MAX_VERSIONS}",
            org_id,
        )
        return [ListLine(**row) for row in rows]


def _version(row: asyncpg.Record) -> ListVersion:
    stored = StoredPriceList.model_validate(
        {"version": row["version"], "effective_from_ms": row["effective_from_ms"], "rules": row["rules"]}
    )
    return ListVersion(stored, row["created_by"], row["created_ms"])
