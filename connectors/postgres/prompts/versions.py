"""Prompts: one row per version, never changed but for the time at which the prompt was archived."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from connectors.postgres.prompts.rows import (
    COLUMNS,
    HEAD,
    Head,
    NewPrompt,
    StoredPrompt,
    is_same,
    lock_prompt,
    prompt_of,
    stored_form,
)
from schemas.errors import Conflict, NotFound
from schemas.ids import content_hash
from schemas.prompts.refs import PromptRef

MAX_LISTED = 1_000


@dataclass(frozen=True)
class PromptLine:
    """The newest version of a prompt, the number of its versions, and the versions that its labels name."""

    name: str
    version: int
    versions: int
    hash: str
    created_ms: int
    project: str | None = None
    archived_ms: int | None = None
    labels: Mapping[str, int] | None = None


class Prompts:
    """The prompts of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, new: NewPrompt, within: str | None = None) -> tuple[StoredPrompt, bool]:
        """Store a version; return it, and true if it is new.

        Without a version it becomes the next one, unless the newest one says the same. ``within`` is the project that
        its author is limited to. Raises ``Conflict`` when the version exists and says something else, when the prompt
        is archived or belongs to another project, ``NotFound`` for a parent or a project that does not exist.
        """
        async with self._database.transaction("store a prompt") as conn:
            await lock_prompt(conn, org_id, new.name)
            head = await _head(conn, org_id, new.name)
            await _check(conn, org_id, new, head, within)
            there = await _find(conn, org_id, PromptRef(new.name, new.version)) if head is not None else None
            if there is not None and is_same(there, new):
                return there, False
            if there is not None and new.version is not None:
                raise Conflict(
                    f"prompt {new.name}@{new.version} exists with another text or other fields; a version never "
                    "changes: use a higher one"
                )
            newest = head.newest if head is not None else 0
            stored = await _insert(conn, org_id, new, new.version or newest + 1, head)
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

    async def ensure(
        self, org_id: str, name: str, template: str, author: str = "", *, within: str | None = None
    ) -> int:
        """Return the version of a prompt that has this text; without one, store the next.

        ``within`` is the project that the caller is limited to. Raises ``Conflict`` when the prompt is archived, or
        belongs to another project.
        """
        digest = content_hash(template.encode())
        async with self._database.transaction("store a prompt") as conn:
            await lock_prompt(conn, org_id, name)
            head, new = await _head(conn, org_id, name), NewPrompt(name, template, author=author)
            await _check(conn, org_id, new, head, within)
            number = await conn.fetchval(
                "SELECT max(version) FROM prompt WHERE org_id = $1 AND name = $2 AND hash = $3", org_id, name, digest
            )
            if number is not None:
                return int(number)
            stored = await _insert(conn, org_id, new, 1 if head is None else head.newest + 1, head)
        return stored.version

    async def get(self, org_id: str, ref: PromptRef) -> StoredPrompt:
        """Return the version that a reference names now, also of an archived prompt. Raises ``NotFound``."""
        async with self._database.connection("read a prompt") as conn:
            found = await _find(conn, org_id, ref)
        if found is None:
            raise NotFound(_absent(ref))
        return found

    async def find(self, org_id: str, refs: Sequence[PromptRef]) -> list[StoredPrompt | None]:
        """Return the prompt that each reference names now, also of archived ones; ``None`` for a missing one."""
        rows = await self._database.fetch(
            "read prompts",
            "SELECT ref.n, p.* FROM unnest($2::text[], $3::int[], $4::text[]) WITH ORDINALITY "
            "AS ref (name, version, label, n) "
            f"CROSS JOIN LATERAL (SELECT {COLUMNS} FROM prompt WHERE org_id = $1 AND prompt.name = ref.name AND CASE "
            "WHEN ref.label IS NOT NULL THEN prompt.version = (SELECT prompt_label.version FROM prompt_label "
            "WHERE prompt_label.org_id = $1 AND prompt_label.name = ref.name AND prompt_label.label = ref.label) "
            "ELSE ref.version IS NULL OR prompt.version = ref.version END ORDER BY prompt.version DESC LIMIT 1) AS p",
            *(org_id, [one.name for one in refs], [one.version for one in refs], [one.label for one in refs]),
        )
        found = {row["n"]: prompt_of(row) for row in rows}
        return [found.get(n) for n in range(1, len(refs) + 1)]

    async def all(self, org_id: str, *, archived: bool = False) -> list[PromptLine]:
        """Return every prompt's newest version by name; either the archived ones or the others."""
        rows = await self._database.fetch(
            "list prompts",
            "SELECT newest.*, (SELECT json_object_agg(label, prompt_label.version ORDER BY label) FROM prompt_label "
            "WHERE prompt_label.org_id = $1 AND prompt_label.name = newest.name) AS labels FROM ("
            "SELECT DISTINCT ON (name) name, version, hash, count(*) OVER (PARTITION BY name) AS versions, project, "
            f"{epoch_ms('archived_at')} AS archived_ms, {epoch_ms('created_at')} AS created_ms FROM prompt "
            "WHERE org_id = $1 AND (archived_at IS NOT NULL) = $2 ORDER BY name, version DESC) AS newest ORDER BY name",
            *(org_id, archived),
        )
        return [PromptLine(**row) for row in rows]

    async def versions(self, org_id: str, name: str) -> list[StoredPrompt]:
        """Return the newest versions of a prompt, the newest first. Raises ``NotFound``."""
        rows = await self._database.fetch(
            "list versions of a prompt",
            f"SELECT {COLUMNS} FROM prompt WHERE org_id = $1 AND name = $2 ORDER BY version DESC LIMIT {MAX_LISTED}",
            *(org_id, name),
        )
        if not rows:
            raise NotFound(_absent(PromptRef(name)))
        return [prompt_of(row) for row in rows]

    async def archived(self, org_id: str) -> frozenset[str]:
        """Return the names of archived prompts."""
        rows = await self._database.fetch(
            "list archived prompts",
            "SELECT DISTINCT name FROM prompt WHERE org_id = $1 AND archived_at IS NOT NULL",
            org_id,
        )
        return frozenset(row["name"] for row in rows)

    async def archive(self, org_id: str, name: str, *, archived: bool) -> StoredPrompt:
        """Archive or restore a prompt and return its newest version. Raises ``NotFound``."""
        async with self._database.transaction("archive a prompt") as conn:
            await lock_prompt(conn, org_id, name)
            await conn.execute(
                "UPDATE prompt SET archived_at = CASE WHEN $3 THEN coalesce(archived_at, now()) END "
                "WHERE org_id = $1 AND name = $2",
                *(org_id, name, archived),
            )
            found = await _find(conn, org_id, PromptRef(name))
            if found is None:
                raise NotFound(_absent(PromptRef(name)))
            await enqueue(conn, "prompt", org_id, name, found.body(), found.version)
        return found

    async def named_by(self, org_id: str, name: str) -> list[str]:
        """Return the workflows whose newest version names a prompt, by name."""
        rows = await self._database.fetch(
            "find workflows of a prompt",
            "SELECT name FROM (SELECT DISTINCT ON (name) name, spec FROM workflow WHERE org_id = $1 "
            "ORDER BY name, version DESC) AS newest WHERE spec::text ~ $2 ORDER BY name LIMIT 100",
            *(org_id, rf'"prompt_ref"\s*:\s*"{re.escape(name)}(@[^"]*)?"'),
        )
        return [row["name"] for row in rows]


async def _head(conn: Connection, org_id: str, name: str) -> Head | None:
    row = await conn.fetchrow(f"SELECT {HEAD} FROM prompt WHERE org_id = $1 AND name = $2 GROUP BY name", org_id, name)
    return None if row is None else Head(**row)


async def _check(conn: Connection, org_id: str, new: NewPrompt, head: Head | None, within: str | None) -> None:
    """Raise ``Conflict`` and ``NotFound`` unless a version may be added to a prompt."""
    if head is None:
        if new.project is not None and not await conn.fetchval(
            "SELECT true FROM project WHERE org_id = $1 AND id = $2", org_id, new.project
        ):
            raise NotFound(f"there is no project {new.project}; see GET /api/v1/projects")
    elif within is not None and head.project not in (None, within):
        raise Conflict(f"the name {new.name} belongs to a prompt of another project; choose another name")
    elif new.project is not None and new.project != head.project:
        owner = f"project {head.project}" if head.project else "the whole organisation"
        raise Conflict(f"prompt {new.name} belongs to {owner}, which never changes; omit `project`")
    elif head.archived:
        raise Conflict(f"prompt {new.name} is archived; restore it: POST /api/v1/prompts/{new.name}/restore")
    if new.parent is not None and await _find(conn, org_id, PromptRef(new.name, new.parent)) is None:
        raise NotFound(f"there is no version {new.parent} of prompt {new.name} to be the parent; omit `parent`")


async def _insert(conn: Connection, org_id: str, new: NewPrompt, version: int, head: Head | None) -> StoredPrompt:
    parent = new.parent if new.parent is not None or head is None else head.newest
    row = await conn.fetchrow(
        "INSERT INTO prompt (org_id, name, version, template, hash, variables, form, project, author, message, parent) "
        f"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {COLUMNS}",
        *(org_id, new.name, version, new.template, new.hash, new.variables, stored_form(new.form)),
        *(new.project if head is None else head.project, new.author, new.message, parent),
    )
    stored = prompt_of(returned(row, "store a prompt"))
    await enqueue(conn, "prompt", org_id, new.name, stored.body(), stored.version)
    return stored


async def _find(conn: Connection, org_id: str, ref: PromptRef) -> StoredPrompt | None:
    row: asyncpg.Record | None = await conn.fetchrow(
        f"SELECT {COLUMNS} FROM prompt WHERE org_id = $1 AND name = $2 AND CASE WHEN $4::text IS NOT NULL "
        "THEN version = (SELECT version FROM prompt_label WHERE org_id = $1 AND name = $2 AND label = $4) "
        "ELSE $3::int IS NULL OR version = $3 END ORDER BY version DESC LIMIT 1",
        *(org_id, ref.name, ref.version, ref.label),
    )
    return None if row is None else prompt_of(row)


def _absent(ref: PromptRef) -> str:
    if ref.label is None:
        return f"there is no prompt {ref}; create it with POST /api/v1/prompts"
    path = f"/api/v1/prompts/{ref.name}/labels"
    return f"prompt {ref.name} has no label {ref.label}; see GET {path}, or move it: PUT {path}/{ref.label}"
