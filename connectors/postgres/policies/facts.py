"""What organisations state of providers: one row per version, never changed; the newest one counts."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from schemas.compliance.facts import FactsDocument, StoredFacts
from schemas.errors import NotFound

#: The id of the one definition that an organisation's facts are versions of.
DEFINITION_ID = "facts"
#: How many versions a list has at most, the newest.
MAX_VERSIONS = 1_000
_COLUMNS = f"version, document, created_by, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class FactsVersion:
    """One version, and the id of the key that made it."""

    stored: StoredFacts
    created_by: str
    created_ms: int


class ProviderFactsStore:
    """The facts of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, org_id: str, document: FactsDocument, by: str) -> tuple[FactsVersion, bool]:
        """Store the next version; return it, and true if it is new: not when the newest one says the same."""
        async with self._database.transaction("store provider facts") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"provider_facts:{org_id}")
            before = await conn.fetchrow(
                f"SELECT {_COLUMNS} FROM provider_facts WHERE org_id = $1 ORDER BY version DESC LIMIT 1", org_id
            )
            if before is not None and before["document"] == document.body():
                return _version(before), False
            number = 1 if before is None else before["version"] + 1
            row = await conn.fetchrow(
                "INSERT INTO provider_facts (org_id, version, document, created_by) "
                f"VALUES ($1, $2, $3, $4) RETURNING {_COLUMNS}",
                *(org_id, number, document.body(), by),
            )
            made = _version(returned(row, "store provider facts"))
            await enqueue(conn, "provider_facts", org_id, DEFINITION_ID, made.stored.body(), number)
        return made, True

    async def newest(self, org_id: str) -> FactsVersion | None:
        """Return the version that counts; ``None`` for an organisation that has stated nothing."""
        row = await self._database.fetchrow(
            "read provider facts",
            f"SELECT {_COLUMNS} FROM provider_facts WHERE org_id = $1 ORDER BY version DESC LIMIT 1",
            org_id,
        )
        return None if row is None else _version(row)

    async def get(self, org_id: str, version: int) -> FactsVersion:
        """Return a version. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read provider facts",
            f"SELECT {_COLUMNS} FROM provider_facts WHERE org_id = $1 AND version = $2",
            *(org_id, version),
        )
        if row is None:
            raise NotFound(f"there is no version {version} of the facts; see GET /api/v1/providers/facts/versions")
        return _version(row)

    async def versions(self, org_id: str) -> list[FactsVersion]:
        """Return the versions, the newest first."""
        rows = await self._database.fetch(
            "list provider facts",
            f"SELECT {_COLUMNS} FROM provider_facts WHERE org_id = $1 ORDER BY version DESC LIMIT {MAX_VERSIONS}",
            org_id,
        )
        return [_version(row) for row in rows]


def _version(row: asyncpg.Record) -> FactsVersion:
    stored = StoredFacts.model_validate({"version": row["version"], "facts": row["document"]})
    return FactsVersion(stored, row["created_by"], row["created_ms"])
