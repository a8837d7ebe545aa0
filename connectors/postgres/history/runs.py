"""Reads run history: one run with its steps, or a page of runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.history.run_counts import Children, counted
from connectors.postgres.page_cursor import AFTER, MICROS, read_cursor, write_cursor
from schemas.budgets import PROJECT_TAG
from schemas.run_states import RunState, StepState
from schemas.spec.model import NodeKind

SUMMARY = (
    "id, workflow_name, workflow_version, status, tags, input_tokens, output_tokens, kinds, cost_nano, error, "
    "parent_run_id, parent_step_id, parent_detached, children_nano, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('started_at')} AS started_ms, "
    f"{epoch_ms('finished_at')} AS finished_ms, compensating, subject"
)
_WHOLE = (
    f"{SUMMARY}, spec_hash, source, submission_id, inputs, output, output_in_steps, budget_nano, trace_id, "
    "stored_inputs, rollouts, security"
)
STEP = (
    "step_id, node_id, kind, status, attempt, error, input_tokens, output_tokens, kinds, cost_nano, provider, model, "
    f"cached, waiting_for, {epoch_ms('waiting_until')} AS waiting_until_ms, note, reused_from, "
    f"{epoch_ms('requested_at')} AS requested_ms, "
    f"{epoch_ms('started_at')} AS started_ms, {epoch_ms('finished_at')} AS finished_ms, child_index, children_total, "
    "sla_missed, child_run_id"
)


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run as lists show it. ``parent_…`` name the step that started it, ``children_nano`` is not part of
    ``cost_nano``. ``subject`` is the pseudonym of the person whose data it handles.
    """

    id: str
    workflow_name: str
    workflow_version: int
    status: RunState
    tags: dict[str, str]
    input_tokens: int
    output_tokens: int
    cost_nano: int
    error: dict[str, Any] | None
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    parent_run_id: str | None = None
    parent_step_id: str | None = None
    parent_detached: bool = False
    children_nano: int = 0
    kinds: dict[str, int] | None = None
    compensating: bool = False
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredRun(RunLine):
    """A whole run. ``output`` holds payloads by node id, as they were recorded; larger outputs are those of the steps
    of ``output_in_steps``. ``stored_inputs`` are the references of the inputs for which ``inputs`` has null.
    ``rollouts`` are the run's arms as they were recorded, ``None`` without any. ``security`` is the policy that the run
    is under and the labels of its inputs, ``None`` where its data has none.
    """

    spec_hash: str
    source: str
    submission_id: str | None
    inputs: dict[str, Any] | None
    output: dict[str, Any] | None
    output_in_steps: list[str]
    budget_nano: int | None
    trace_id: str
    stored_inputs: dict[str, Any] | None = None
    rollouts: list[dict[str, Any]] | None = None
    security: dict[str, Any] | None = None


@dataclass(frozen=True)
class StoredStep:
    """One step. ``output`` is a payload as it was recorded, if it was read.

    ``child_index`` is -1 except for a child of a mapped node; ``children_total`` is the number of a mapped node's
    children.
    """

    step_id: str
    node_id: str
    kind: NodeKind
    status: StepState
    attempt: int
    error: dict[str, Any] | None
    input_tokens: int
    output_tokens: int
    cost_nano: int
    provider: str | None
    model: str | None
    cached: bool
    waiting_for: str | None
    waiting_until_ms: int | None
    note: str | None
    started_ms: int | None
    finished_ms: int | None
    reused_from: str | None = None
    requested_ms: int | None = None
    child_index: int = -1
    children_total: int | None = None
    sla_missed: bool = False
    kinds: dict[str, int] | None = None
    child_run_id: str | None = None
    output: dict[str, Any] | None = None


@dataclass(frozen=True)
class RunFilter:
    """Filter of runs; ``None`` or empty does not filter.

    ``awaited=False`` excludes runs that another run's step waits for. ``workflows_like`` are patterns of ``LIKE``,
    of which a run's workflow matches one; none match no run.
    """

    status: RunState | None = None
    workflow: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    since_ms: int | None = None
    until_ms: int | None = None
    statuses: tuple[RunState, ...] = ()
    parent_run_id: str | None = None
    awaited: bool = True
    workflows_like: tuple[str, ...] | None = None
    project: str | None = None
    subject: str | None = None
    cursor: str | None = None
    limit: int = 50


class Runs:
    """The reading side of run history. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(
        self, org_id: str, run_id: str, *, step_outputs: bool = False, most_children: int | None = None
    ) -> tuple[StoredRun, list[StoredStep]] | None:
        """Return a run and its steps in the order in which they started, or ``None``.

        Steps have outputs if requested, and those of ``output_in_steps`` always. ``most_children`` limits the children
        of each mapped node, except those of ``output_in_steps``.
        """
        async with self._database.transaction("read a run") as conn:
            run = await conn.fetchrow(
                f"SELECT {_WHOLE} FROM workflow_run WHERE org_id = $1 AND id = $2", org_id, run_id
            )
            if run is None:
                return None
            steps = await conn.fetch(
                f"SELECT {STEP}, CASE WHEN $3 OR node_id = ANY($4::text[]) THEN output END AS output "
                "FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 "
                "AND ($5::integer IS NULL OR child_index < $5 OR node_id = ANY($4::text[])) "
                "ORDER BY coalesce(started_at, requested_at, finished_at) NULLS LAST, requested_at, finished_at, "
                "node_id, child_index, step_id",
                *(run_id, org_id, step_outputs, run["output_in_steps"], most_children),
            )
        return StoredRun(**run), [StoredStep(**step) for step in steps]

    async def trace_id(self, org_id: str, run_id: str) -> str | None:
        """Return the id of a run's trace, ``None`` for an unknown run."""
        row = await self._database.fetchrow(
            "read a run's trace", "SELECT trace_id FROM workflow_run WHERE org_id = $1 AND id = $2", org_id, run_id
        )
        return None if row is None else str(row["trace_id"])

    async def of_trace(self, org_id: str, trace_id: str, limit: int = 100) -> list[RunLine]:
        """Return the runs of a trace, oldest first: programs may start several in one trace of theirs."""
        rows = await self._database.fetch(
            "read the runs of a trace",
            f"SELECT {SUMMARY} FROM workflow_run WHERE org_id = $1 AND trace_id = $2 ORDER BY created_at, id LIMIT $3",
            *(org_id, trace_id, limit),
        )
        return [RunLine(**row) for row in rows]

    async def children(self, org_id: str, run_id: str) -> dict[str, Children]:
        """Return the progress of a run's mapped nodes, by node."""
        return await counted(self._database, org_id, run_id)

    async def status(self, org_id: str, run_id: str) -> RunLine | None:
        """Return a run's line, or ``None``."""
        row = await self._database.fetchrow(
            "read a run's status",
            f"SELECT {SUMMARY} FROM workflow_run WHERE org_id = $1 AND id = $2",
            *(org_id, run_id),
        )
        return RunLine(**row) if row is not None else None

    async def states(self, org_id: str, run_ids: Sequence[str]) -> dict[str, RunState]:
        """Return the states of those runs that are known, by run."""
        rows = await self._database.fetch(
            "read the states of runs",
            "SELECT id, status FROM workflow_run WHERE org_id = $1 AND id = ANY($2::text[])",
            *(org_id, list(run_ids)),
        )
        return {row["id"]: row["status"] for row in rows}

    async def body_hashes(self, run_ids: list[str]) -> dict[str, tuple[str, int, int]]:
        """Return body hash, workflow version and submission time of the known runs, deleted ones among them.

        A run id derives from its organisation, so it needs no further scope.
        """
        rows = await self._database.fetch(
            "look up submissions",
            f"SELECT id, body_hash, workflow_version, {epoch_ms('created_at')} AS created_ms "
            "FROM workflow_run WHERE id = ANY($1) UNION ALL "
            f"SELECT id, body_hash, workflow_version, {epoch_ms('created_at')} FROM deleted_run WHERE id = ANY($1)",
            run_ids,
        )
        return {row["id"]: (row["body_hash"], row["workflow_version"], row["created_ms"]) for row in rows}

    async def deleted(self, run_ids: list[str]) -> frozenset[str]:
        """Return those of the runs that were deleted by request."""
        query = "SELECT id FROM deleted_run WHERE id = ANY($1)"
        return frozenset(row["id"] for row in await self._database.fetch("look up deleted runs", query, run_ids))

    async def page(self, org_id: str, wanted: RunFilter) -> tuple[list[RunLine], str | None]:
        """Return runs, newest first, and the cursor of the next page. Raises ``InvalidInput`` for a bad cursor."""
        conditions, args = _conditions(org_id, wanted)
        rows = await self._database.fetch(
            "list runs",
            f"SELECT {SUMMARY}, {MICROS} AS created_us FROM workflow_run WHERE {' AND '.join(conditions)} "
            f"ORDER BY created_at DESC, id DESC LIMIT ${len(args) + 1}",
            *(*args, wanted.limit + 1),
        )
        page = rows[: wanted.limit]
        cursor = write_cursor(page[-1]["created_us"], page[-1]["id"]) if len(rows) > wanted.limit else None
        return [_line(row) for row in page], cursor

    async def count(self, org_id: str, wanted: RunFilter) -> int:
        """Return the number of runs that match; the cursor and the limit do not count."""
        conditions, args = _conditions(org_id, replace(wanted, cursor=None))
        row = await self._database.fetchrow(
            "count runs", f"SELECT count(*) AS n FROM workflow_run WHERE {' AND '.join(conditions)}", *args
        )
        return int(row["n"]) if row is not None else 0


def _conditions(org_id: str, wanted: RunFilter) -> tuple[list[str], list[object]]:
    conditions = ["org_id = $1"]
    values: list[object] = [org_id]
    for condition, *found in _wanted(wanted):
        conditions.append(condition.format(*(f"${len(values) + n}" for n in range(1, len(found) + 1))))
        values.extend(found)
    return conditions, values


def _wanted(wanted: RunFilter) -> Iterator[tuple[str, *tuple[object, ...]]]:
    """Yield each condition with its values."""
    simple = (
        ("status = {}", wanted.status),
        ("workflow_name = {}", wanted.workflow),
        ("parent_run_id = {}", wanted.parent_run_id),
        ("tags @> {} AND tags <> '{{}}'::jsonb", wanted.tags or None),
        ("created_at >= to_timestamp({}::double precision / 1000)", wanted.since_ms),
        ("created_at < to_timestamp({}::double precision / 1000)", wanted.until_ms),
        ("status = ANY({}::text[])", list(wanted.statuses) or None),
        ("workflow_name LIKE ANY({}::text[])", wanted.workflows_like),
        (f"tags ->> '{PROJECT_TAG}' = {{}}", wanted.project),
        ("subject = {}", wanted.subject),
    )
    yield from ((condition, value) for condition, value in simple if value is not None)
    if not wanted.awaited:
        yield ("(parent_run_id IS NULL OR parent_detached)",)
    if wanted.cursor is not None:
        yield (AFTER, *read_cursor(wanted.cursor))


def _line(row: asyncpg.Record) -> RunLine:
    return RunLine(**{name: value for name, value in row.items() if name != "created_us"})
