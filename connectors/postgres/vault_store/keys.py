"""Wrapped keys of organisations and subjects."""

from collections.abc import Collection, Sequence

import asyncpg

from connectors.ports.kms import Wrapped
from connectors.ports.vault import Counts, OrgKeyRow, Rewrapped, SubjectKeyRow
from connectors.postgres.database import Database, epoch_ms, returned

_SUBJECT = f"subject, wrapped, org_version, {epoch_ms('erased_at')} AS erased_ms"
_COUNTS = (
    "SELECT count(*) FILTER (WHERE erased_at IS NULL) AS subjects, "
    "count(*) FILTER (WHERE erased_at IS NOT NULL) AS erased, "
    "(SELECT count(*) FROM vault_token WHERE org_id = $1) AS tokens FROM vault_subject_key WHERE org_id = $1"
)


class KeyRows:
    """A ``KeyStore``."""

    _database: Database

    async def org_keys(self, org_id: str) -> list[OrgKeyRow]:
        rows = await self._database.fetch(
            "read an organisation's key",
            "SELECT version, wrapped_under, wrapped, seals_from <= now() AS active, "
            f"{epoch_ms('created_at')} AS created_ms FROM vault_org_key WHERE org_id = $1 ORDER BY version",
            org_id,
        )
        return [
            OrgKeyRow(row["version"], Wrapped(row["wrapped_under"], row["wrapped"]), row["active"], row["created_ms"])
            for row in rows
        ]

    async def organisations(self) -> list[str]:
        query = "SELECT DISTINCT org_id FROM vault_org_key ORDER BY org_id"
        return [row["org_id"] for row in await self._database.fetch("list organisations with keys", query)]

    async def add_org_key(self, org_id: str, version: int, wrapped: Wrapped, active_in_s: float) -> bool:
        row = await self._database.fetchrow(
            "store an organisation's key",
            "INSERT INTO vault_org_key (org_id, version, wrapped, wrapped_under, seals_from) "
            "VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5)) ON CONFLICT DO NOTHING RETURNING version",
            *(org_id, version, wrapped.data, wrapped.under, active_in_s),
        )
        return row is not None

    async def rewrap_org_key(self, org_id: str, version: int, before: str, wrapped: Wrapped) -> bool:
        row = await self._database.fetchrow(
            "wrap an organisation's key again",
            "UPDATE vault_org_key SET wrapped = $4, wrapped_under = $5 "
            "WHERE org_id = $1 AND version = $2 AND wrapped_under = $3 RETURNING version",
            *(org_id, version, before, wrapped.data, wrapped.under),
        )
        return row is not None

    async def subject_keys(self, org_id: str, subjects: Collection[str]) -> list[SubjectKeyRow]:
        rows = await self._database.fetch(
            "read keys of subjects",
            f"SELECT {_SUBJECT} FROM vault_subject_key WHERE org_id = $1 AND subject = ANY($2::text[])",
            *(org_id, list(subjects)),
        )
        return [_subject_row(row) for row in rows]

    async def add_subject_key(self, org_id: str, row: SubjectKeyRow) -> SubjectKeyRow:
        await self._database.fetch(
            "store a subject's key",
            "INSERT INTO vault_subject_key (org_id, subject, wrapped, org_version) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT DO NOTHING",
            *(org_id, row.subject, row.wrapped, row.org_version),
        )
        stored = await self._database.fetchrow(
            "read a subject's key",
            f"SELECT {_SUBJECT} FROM vault_subject_key WHERE org_id = $1 AND subject = $2",
            *(org_id, row.subject),
        )
        return _subject_row(returned(stored, "read a subject's key"))

    async def erase_subject(self, org_id: str, subject: str) -> bool:
        async with self._database.transaction("erase a subject") as conn:
            changed = await conn.fetchrow(
                "INSERT INTO vault_subject_key (org_id, subject, org_version, erased_at) VALUES ($1, $2, 0, now()) "
                "ON CONFLICT (org_id, subject) DO UPDATE SET wrapped = NULL, org_version = 0, erased_at = now() "
                "WHERE vault_subject_key.erased_at IS NULL RETURNING subject",
                *(org_id, subject),
            )
            await conn.execute("DELETE FROM vault_token WHERE org_id = $1 AND subject = $2", org_id, subject)
        return changed is not None

    async def older_subject_keys(self, org_id: str, version: int, after: str, limit: int) -> list[SubjectKeyRow]:
        rows = await self._database.fetch(
            "read keys of subjects under an older key",
            f"SELECT {_SUBJECT} FROM vault_subject_key "
            'WHERE org_id = $1 AND erased_at IS NULL AND org_version < $2 AND subject > $3 COLLATE "C" '
            'ORDER BY subject COLLATE "C" LIMIT $4',
            *(org_id, version, after, limit),
        )
        return [_subject_row(row) for row in rows]

    async def rewrap_subject_keys(self, org_id: str, rows: Sequence[Rewrapped]) -> int:
        changed = await self._database.fetch(
            "wrap keys of subjects again",
            "UPDATE vault_subject_key AS old SET wrapped = new.wrapped, org_version = new.version "
            "FROM unnest($2::text[], $3::integer[], $4::bytea[], $5::integer[]) "
            "AS new(subject, before, wrapped, version) "
            "WHERE old.org_id = $1 AND old.subject = new.subject AND old.org_version = new.before "
            "AND old.erased_at IS NULL RETURNING old.subject",
            *(org_id, [one.subject for one in rows], [one.before for one in rows]),
            *([one.wrapped for one in rows], [one.org_version for one in rows]),
        )
        return len(changed)

    async def counts(self, org_id: str) -> Counts:
        row = returned(await self._database.fetchrow("count keys", _COUNTS, org_id), "count keys")
        return Counts(
            *(row["subjects"], row["erased"], row["tokens"]),
            await self._by_version("vault_subject_key", "erased_at IS NULL", org_id),
            await self._by_version("vault_token", "subject = ''", org_id),
        )

    async def _by_version(self, table: str, which: str, org_id: str) -> dict[int, int]:
        rows = await self._database.fetch(
            "count rows by the version of a key",
            f"SELECT org_version, count(*) AS many FROM {table} "
            f"WHERE org_id = $1 AND {which} GROUP BY org_version ORDER BY org_version",
            org_id,
        )
        return {row["org_version"]: row["many"] for row in rows}


def _subject_row(row: asyncpg.Record) -> SubjectKeyRow:
    return SubjectKeyRow(row["subject"], row["wrapped"] or b"", row["org_version"], row["erased_ms"])
