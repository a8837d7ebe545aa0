"""Registered workflows: one immutable row per version."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.outbox import enqueue
from schemas.errors import Conflict, NotFound
from schemas.ids import canonical_hash
from schemas.queues import whole_name
from schemas.spec.model import WorkflowSpec

_COLUMNS = f"name, version, spec, hash, required_inputs, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class StoredWorkflow:
    """One version of a workflow."""

    name: str
    version: int
    spec: dict[str, Any]
    hash: str
    required_inputs: list[str]
    created_ms: int


@dataclass(frozen=True)
class WorkflowLine:
    """The newest version of a workflow, and the number of its versions."""

    name: str
    version: int
    versions: int
    required_inputs: list[str]
    created_ms: int
    description: str
    input_schema: dict[str, Any] | None


class Workflows:
    """The workflows of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, spec: WorkflowSpec, required_inputs: list[str]) -> tuple[StoredWorkflow, bool]:
        """Store a version; return it, and true if it is new.

        The same document is found again, not stored. Raises ``Conflict`` for another document of the same version.
        """
        document, digest = _document(spec), document_hash(spec)
        async with self._database.transaction("store a workflow") as conn:
            row = await conn.fetchrow(
                "INSERT INTO workflow (org_id, name, version, spec, hash, required_inputs) "
                f"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
                *(org_id, spec.name, spec.version, document, digest, required_inputs),
            )
            if row is not None:
                await enqueue(conn, "workflow", org_id, spec.name, document, spec.version)
                return _workflow(row), True
        return _same(await self.get(org_id, spec.name, spec.version), digest), False

    async def find_same(self, org_id: str, spec: WorkflowSpec) -> StoredWorkflow | None:
        """Return the stored version of a document, ``None`` if there is none.

        Raises ``Conflict`` for another document of the same version.
        """
        try:
            return _same(await self.get(org_id, spec.name, spec.version), document_hash(spec))
        except NotFound:
            return None

    async def get(self, org_id: str, name: str, version: int | None = None) -> StoredWorkflow:
        """Return a version, the newest without one. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a workflow",
            f"SELECT {_COLUMNS} FROM workflow WHERE org_id = $1 AND name = $2 AND ($3::int IS NULL OR version = $3) "
            "ORDER BY version DESC LIMIT 1",
            *(org_id, name, version),
        )
        if row is None:
            which = f"{name} version {version}" if version is not None else name
            raise NotFound(f"there is no workflow {which}; register it with POST /api/v1/workflows")
        return _workflow(row)

    async def latest(self, org_id: str, name: str) -> int | None:
        """Return the newest version's number, or ``None`` for an unknown workflow."""
        row = await self._database.fetchrow(
            "read a workflow's version",
            "SELECT max(version) AS version FROM workflow WHERE org_id = $1 AND name = $2",
            *(org_id, name),
        )
        return row["version"] if row is not None else None

    async def queues(self) -> list[str]:
        """Return the whole names of the queues that the nodes of any organisation's workflows name."""
        rows = await self._database.fetch(
            "list the queues of workflows",
            # At any depth, since loops have nodes of their own.
            "SELECT DISTINCT org_id, node ->> 'queue' AS queue FROM workflow, jsonb_path_query(spec::jsonb, "
            "'$.dag.** ? (exists(@.id) && exists(@.config) && @.queue.type() == \"string\")') AS node",
        )
        return sorted({whole_name(row["queue"], row["org_id"]) for row in rows})

    async def all(self, org_id: str) -> list[WorkflowLine]:
        """Return every workflow's newest version, by name."""
        rows = await self._database.fetch(
            "list workflows",
            "SELECT DISTINCT ON (name) name, version, required_inputs, count(*) OVER (PARTITION BY name) AS versions, "
            "coalesce(spec->>'description', '') AS description, spec->'input_schema' AS input_schema, "
            f"{epoch_ms('created_at')} AS created_ms FROM workflow WHERE org_id = $1 ORDER BY name, version DESC",
            org_id,
        )
        return [WorkflowLine(**row) for row in rows]


def document_hash(spec: WorkflowSpec) -> str:
    """Return the hash of a document as it is stored: with the fields that it has, and those alone."""
    return canonical_hash(_document(spec))


def _document(spec: WorkflowSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _same(there: StoredWorkflow, digest: str) -> StoredWorkflow:
    if there.hash != digest:
        raise Conflict(
            f"workflow {there.name} version {there.version} exists with another document; a version never changes: "
            f"register this one with a higher version"
        )
    return there


def _workflow(row: asyncpg.Record) -> StoredWorkflow:
    return StoredWorkflow(**row)
