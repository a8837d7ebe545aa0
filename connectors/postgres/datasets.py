"""Datasets: versions that never change, each a list of cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from schemas.errors import NotFound
from schemas.ids import canonical_hash
from schemas.prompts.evaluations import Case

_COLUMNS = f"name, version, hash, cases, author, message, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class DatasetVersion:
    """One version. ``hash`` is that of all its cases in order, ``author`` the id of the key that made it."""

    name: str
    version: int
    hash: str
    cases: int
    author: str
    message: str
    created_ms: int


class Datasets:
    """The datasets of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, org_id: str, name: str, cases: Sequence[Case], *, author: str, message: str
    ) -> tuple[DatasetVersion, bool]:
        """Store the next version; return it, and true if it is new: not when the newest has the same cases."""
        documents = [msgspec.to_builtins(case) for case in cases]
        digest = canonical_hash(documents)
        async with self._database.transaction("store a dataset") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"dataset:{org_id}:{name}")
            newest = await _find(conn, org_id, name, None)
            if newest is not None and newest.hash == digest:
                return newest, False
            row = await conn.fetchrow(
                "INSERT INTO dataset_version (org_id, name, version, hash, cases, author, message) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
                *(org_id, name, 1 if newest is None else newest.version + 1, digest, len(cases), author, message),
            )
            made = DatasetVersion(**returned(row, "store a dataset"))
            await conn.copy_records_to_table(
                "dataset_case",
                columns=["org_id", "name", "version", "position", "document"],
                records=[(org_id, name, made.version, at, document) for at, document in enumerate(documents)],
            )
        return made, True

    async def get(self, org_id: str, name: str, version: int | None = None) -> DatasetVersion:
        """Return a version, the newest without one. Raises ``NotFound``."""
        async with self._database.connection("read a dataset") as conn:
            found = await _find(conn, org_id, name, version)
        if found is None:
            which = name if version is None else f"{name}@{version}"
            raise NotFound(f"there is no dataset {which}; import it with POST /api/v1/datasets?name={name}")
        return found

    async def all(self, org_id: str) -> list[DatasetVersion]:
        """Return every dataset's newest version, by name."""
        rows = await self._database.fetch(
            "list datasets",
            f"SELECT DISTINCT ON (name) {_COLUMNS} FROM dataset_version WHERE org_id = $1 ORDER BY name, version DESC",
            org_id,
        )
        return [DatasetVersion(**row) for row in rows]

    async def versions(self, org_id: str, name: str, limit: int) -> list[DatasetVersion]:
        """Return the versions of a dataset, the newest first."""
        rows = await self._database.fetch(
            "list versions of a dataset",
            f"SELECT {_COLUMNS} FROM dataset_version WHERE org_id = $1 AND name = $2 ORDER BY version DESC LIMIT $3",
            *(org_id, name, limit),
        )
        return [DatasetVersion(**row) for row in rows]

    async def cases(
        self, org_id: str, name: str, version: int, *, after: int = -1, limit: int | None = None
    ) -> list[tuple[int, Case]]:
        """Return the cases of a version behind a place, with their places, in order."""
        rows = await self._database.fetch(
            "read the cases of a dataset",
            "SELECT position, document FROM dataset_case WHERE org_id = $1 AND name = $2 AND version = $3 "
            "AND position > $4 ORDER BY position LIMIT $5",
            *(org_id, name, version, after, limit),
        )
        return [(row["position"], msgspec.convert(row["document"], Case)) for row in rows]


async def _find(conn: Connection, org_id: str, name: str, version: int | None) -> DatasetVersion | None:
    row: asyncpg.Record | None = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM dataset_version WHERE org_id = $1 AND name = $2 "
        "AND ($3::int IS NULL OR version = $3) ORDER BY version DESC LIMIT 1",
        *(org_id, name, version),
    )
    return None if row is None else DatasetVersion(**row)
