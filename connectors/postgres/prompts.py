"""Prompts: one row per version, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from schemas.errors import Conflict, NotFound
from schemas.ids import content_hash

_COLUMNS = f"name, version, template, hash, variables, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class StoredPrompt:
    """One version of a prompt. ``hash`` is the SHA-256 of the template."""

    name: str
    version: int
    template: str
    hash: str
    variables: dict[str, Any] | None
    created_ms: int


@dataclass(frozen=True)
class PromptLine:
    """The newest version of a prompt, and the number of its versions."""

    name: str
    version: int
    versions: int
    hash: str
    created_ms: int


class Prompts:
    """The prompts of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, org_id: str, name: str, template: str, version: int | None, variables: dict[str, Any] | None
    ) -> tuple[StoredPrompt, bool]:
        """Store a version; return it, and true if it is new.

        Without a version it becomes the next one, unless the newest one has the same text. Raises ``Conflict`` when the
        version exists with another text.
        """
        digest = content_hash(template.encode())
        async with self._database.transaction("store a prompt") as conn:
            await _lock(conn, org_id, name)
            there = await _find(conn, org_id, name, version)
            if there is not None and there.hash == digest and there.variables == variables:
                return there, False
            if there is not None and version is not None:
                raise Conflict(
                    f"prompt {name}@{version} exists with another text; a version never changes: use a higher one"
                )
            number = version or (there.version + 1 if there is not None else 1)
            stored = await _insert(conn, org_id, name, number, template, variables)
        return stored, True

    async def versions_of(self, org_id: str, hashes: Mapping[str, str]) -> dict[str, int]:
        """Return the version of each prompt that has the text with this hash, the next one where none has; by name."""
        rows = await self._database.fetch(
            "look up versions of prompts",
            "SELECT wanted.name, coalesce(max(prompt.version) FILTER (WHERE prompt.hash = wanted.hash), "
            "coalesce(max(prompt.version), 0) + 1) AS version "
            "FROM unnest($2::text[], $3::text[]) AS wanted (name, hash) "
            "LEFT JOIN prompt ON prompt.org_id = $1 AND prompt.name = wanted.name GROUP BY wanted.name, wanted.hash",
            *(org_id, list(hashes), list(hashes.values())),
        )
        return {row["name"]: row["version"] for row in rows}

    async def ensure(self, org_id: str, name: str, template: str) -> int:
        """Return the version of a prompt that has this text; without one, store the next."""
        digest = content_hash(template.encode())
        async with self._database.transaction("store a prompt") as conn:
            await _lock(conn, org_id, name)
            number = await conn.fetchval(
                "SELECT max(version) FROM prompt WHERE org_id = $1 AND name = $2 AND hash = $3", org_id, name, digest
            )
            if number is not None:
                return int(number)
            newest = await _find(conn, org_id, name, None)
            stored = await _insert(conn, org_id, name, 1 if newest is None else newest.version + 1, template, None)
        return stored.version

    async def get(self, org_id: str, name: str, version: int | None = None) -> StoredPrompt:
        """Return a version, the newest without one. Raises ``NotFound``."""
        async with self._database.connection("read a prompt") as conn:
            found = await _find(conn, org_id, name, version)
        if found is None:
            which = f"{name}@{version}" if version is not None else name
            raise NotFound(f"there is no prompt {which}; create it with POST /api/v1/prompts")
        return found

    async def find(self, org_id: str, refs: list[tuple[str, int | None]]) -> list[StoredPrompt | None]:
        """Return the prompt of each (name, version or ``None`` for the newest); ``None`` for a missing one."""
        rows = await self._database.fetch(
            "read prompts",
            f"SELECT ref.n, p.* FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS ref (name, version, n) "
            f"CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM prompt WHERE org_id = $1 AND prompt.name = ref.name "
            "AND (ref.version IS NULL OR prompt.version = ref.version) ORDER BY prompt.version DESC LIMIT 1) AS p",
            *(org_id, [name for name, _ in refs], [version for _, version in refs]),
        )
        found = {row["n"]: _prompt(row) for row in rows}
        return [found.get(n) for n in range(1, len(refs) + 1)]

    async def all(self, org_id: str) -> list[PromptLine]:
        """Return every prompt's newest version, by name."""
        rows = await self._database.fetch(
            "list prompts",
            "SELECT DISTINCT ON (name) name, version, hash, count(*) OVER (PARTITION BY name) AS versions, "
            f"{epoch_ms('created_at')} AS created_ms FROM prompt WHERE org_id = $1 ORDER BY name, version DESC",
            org_id,
        )
        return [PromptLine(**row) for row in rows]


async def _lock(conn: Connection, org_id: str, name: str) -> None:
    """Versions of one prompt are numbered consecutively, also by concurrent requests."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"prompt:{org_id}:{name}")


async def _insert(
    conn: Connection, org_id: str, name: str, version: int, template: str, variables: dict[str, Any] | None
) -> StoredPrompt:
    row = await conn.fetchrow(
        "INSERT INTO prompt (org_id, name, version, template, hash, variables) "
        f"VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
        *(org_id, name, version, template, content_hash(template.encode()), variables),
    )
    stored = StoredPrompt(**returned(row, "store a prompt"))
    await enqueue(conn, "prompt", org_id, name, _body(stored), stored.version)
    return stored


async def _find(conn: Connection, org_id: str, name: str, version: int | None) -> StoredPrompt | None:
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM prompt WHERE org_id = $1 AND name = $2 AND ($3::int IS NULL OR version = $3) "
        "ORDER BY version DESC LIMIT 1",
        *(org_id, name, version),
    )
    return StoredPrompt(**row) if row is not None else None


def _prompt(row: asyncpg.Record) -> StoredPrompt:
    return StoredPrompt(**{name: value for name, value in row.items() if name != "n"})


def _body(prompt: StoredPrompt) -> dict[str, Any]:
    return {"name": prompt.name, "version": prompt.version, "template": prompt.template, "hash": prompt.hash}
