"""Organisations and their projects."""

from dataclasses import dataclass
from typing import TypedDict

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms
from connectors.postgres.outbox import enqueue
from schemas.errors import Conflict, NotFound, TooLarge

MAX_PROJECTS = 1_000
_NAMED = f"id, name, {epoch_ms('created_at')} AS created_ms"
_ORGANISATION = f"{_NAMED}, jinja_prompts"
_PROJECT = f"{_NAMED}, {epoch_ms('archived_at')} AS archived_ms"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation. ``jinja_prompts``: its prompts may be written in sandboxed Jinja."""

    id: str
    name: str
    created_ms: int
    jinja_prompts: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an organisation. ``archived_ms`` is there while it is archived."""

    id: str
    name: str
    created_ms: int
    archived_ms: int | None = None


class ProjectChanges(TypedDict, total=False):
    """What may change of a project; what is left out stays."""

    name: str
    archived: bool


class Organisations:
    """All organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Organisation]:
        """Return all organisations, by id."""
        rows = await self._database.fetch("list organisations", f"SELECT {_ORGANISATION} FROM organisation ORDER BY id")
        return [Organisation(**row) for row in rows]

    async def find(self, org_id: str) -> Organisation | None:
        """Return an organisation, ``None`` if there is none."""
        row = await self._database.fetchrow(
            "read an organisation", f"SELECT {_ORGANISATION} FROM organisation WHERE id = $1", org_id
        )
        return None if row is None else Organisation(**row)

    async def get(self, org_id: str) -> Organisation:
        """Return an organisation. Raises ``NotFound``."""
        return _there(await self.find(org_id), org_id)

    async def change(self, org_id: str, name: str | None, *, jinja_prompts: bool | None = None) -> Organisation:
        """Change an organisation's name or settings; ``None`` leaves them. Raises ``NotFound``."""
        async with self._database.transaction("change an organisation") as conn:
            row = await conn.fetchrow(
                "UPDATE organisation SET name = coalesce($2, name), jinja_prompts = coalesce($3, jinja_prompts) "
                f"WHERE id = $1 RETURNING {_ORGANISATION}",
                *(org_id, name, jinja_prompts),
            )
            if row is not None:
                await enqueue(conn, "organisation", org_id, org_id, {"id": org_id, "name": row["name"]})
        return _there(None if row is None else Organisation(**row), org_id)


class Projects:
    """The projects of organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, project_id: str, name: str) -> tuple[Project, bool]:
        """Store a project; return it, and true if it is new.

        Raises ``Conflict`` when one of this id has another name, ``TooLarge`` for one too many.
        """
        async with self._database.transaction("store a project") as conn:
            count = await conn.fetchval("SELECT count(*) FROM project WHERE org_id = $1", org_id)
            row = await conn.fetchrow(
                f"SELECT {_PROJECT} FROM project WHERE org_id = $1 AND id = $2", org_id, project_id
            )
            if row is not None:
                return _same(Project(**row), name), False
            if count >= MAX_PROJECTS:
                raise TooLarge(f"an organisation has at most {MAX_PROJECTS} projects; use tags for what is finer")
            row = await conn.fetchrow(
                "INSERT INTO project (org_id, id, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING "
                f"RETURNING {_PROJECT}",
                *(org_id, project_id, name),
            )
        if row is None:
            return _same(await self.get(org_id, project_id), name), False
        return Project(**row), True

    async def all(self, org_id: str, *, archived: bool = False) -> list[Project]:
        """Return an organisation's projects by id, those that are archived only if requested."""
        rows = await self._database.fetch(
            "list projects",
            f"SELECT {_PROJECT} FROM project WHERE org_id = $1 AND ($2 OR archived_at IS NULL) ORDER BY id",
            *(org_id, archived),
        )
        return [Project(**row) for row in rows]

    async def get(self, org_id: str, project_id: str) -> Project:
        """Return a project. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a project", f"SELECT {_PROJECT} FROM project WHERE org_id = $1 AND id = $2", org_id, project_id
        )
        return _project(row, project_id)

    async def change(self, org_id: str, project_id: str, changes: ProjectChanges) -> Project:
        """Rename, archive or restore a project. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "change a project",
            "UPDATE project SET name = coalesce($3, name), archived_at = CASE WHEN $4::boolean IS NULL "
            "THEN archived_at WHEN $4 THEN coalesce(archived_at, now()) END "
            f"WHERE org_id = $1 AND id = $2 RETURNING {_PROJECT}",
            *(org_id, project_id, changes.get("name"), changes.get("archived")),
        )
        return _project(row, project_id)


async def insert_organisation(conn: Connection, org_id: str, name: str) -> bool:
    """Store an organisation within a transaction of the caller; return false when it exists."""
    row = await conn.fetchrow(
        "INSERT INTO organisation (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
        org_id,
        name,
    )
    if row is None:
        return False
    await enqueue(conn, "organisation", org_id, org_id, {"id": org_id, "name": name})
    return True


def _there(found: Organisation | None, org_id: str) -> Organisation:
    if found is None:
        raise NotFound(f"there is no organisation {org_id}; see GET /api/v1/organisations")
    return found


def _project(row: asyncpg.Record | None, project_id: str) -> Project:
    if row is None:
        raise NotFound(f"there is no project {project_id}; see GET /api/v1/projects")
    return Project(**row)


def _same(found: Project, name: str) -> Project:
    if found.name != name:
        raise Conflict(f"project {found.id} exists with the name {found.name!r}; rename it by PATCH")
    return found
