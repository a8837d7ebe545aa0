"""Evaluations: what was asked, and the report; and the answers of their runs, from history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.page_cursor import AFTER, MICROS, read_cursor, write_cursor
from schemas.errors import NotFound
from schemas.run_states import StepState

_COLUMNS = (
    "id, prompt, project, run_id, definition, author, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('ended_at')} AS ended_ms"
)

Joined = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""What labels become, given those that are stored."""


@dataclass(frozen=True)
class StoredEvaluation:
    """One evaluation. ``definition`` is what was asked, with its versions pinned. ``report`` and ``ended_ms`` are there
    once the report was read after the end of the run. ``labels`` are the judgements of people.
    """

    id: str
    prompt: str
    project: str | None
    run_id: str
    definition: dict[str, Any]
    author: str
    created_ms: int
    ended_ms: int | None = None
    report: dict[str, Any] | None = None
    labels: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class AnsweredStep:
    """How one child of a mapped node ended. ``output`` is a payload as it was recorded."""

    node_id: str
    child_index: int
    attempt: int
    status: StepState
    cost_nano: int
    latency_ms: int
    error: dict[str, Any] | None
    output: dict[str, Any] | None
    provider: str | None
    model: str | None


class Evaluations:
    """The evaluations of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, one: StoredEvaluation) -> None:
        """Store an evaluation; one with its id stays as it is."""
        await self._database.fetchrow(
            "store an evaluation",
            "INSERT INTO evaluation (org_id, id, prompt, project, run_id, definition, author) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            *(org_id, one.id, one.prompt, one.project, one.run_id, one.definition, one.author),
        )

    async def get(self, org_id: str, evaluation_id: str) -> StoredEvaluation:
        """Return an evaluation with its report. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read an evaluation",
            f"SELECT {_COLUMNS}, report, labels FROM evaluation WHERE org_id = $1 AND id = $2",
            *(org_id, evaluation_id),
        )
        if row is None:
            raise _unknown(evaluation_id)
        return StoredEvaluation(**row)

    async def page(
        self,
        org_id: str,
        limit: int,
        *,
        prompt: str | None = None,
        project: str | None = None,
        prompts_like: Sequence[str] | None = None,
        cursor: str | None = None,
    ) -> tuple[list[StoredEvaluation], str | None]:
        """Return evaluations without their reports, the newest first, and the cursor of the next page.

        ``prompts_like`` are patterns of ``LIKE``, of which the prompt matches one. Raises ``InvalidInput`` for a bad
        cursor.
        """
        after = (None, None) if cursor is None else read_cursor(cursor)
        rows = await self._database.fetch(
            "list evaluations",
            f"SELECT {_COLUMNS}, {MICROS} AS created_us FROM evaluation WHERE org_id = $1 "
            "AND ($2::text IS NULL OR prompt = $2) AND ($3::text IS NULL OR project = $3) "
            f"AND ($5::text[] IS NULL OR prompt LIKE ANY($5)) AND ($6::bigint IS NULL OR {AFTER.format('$6', '$7')}) "
            "ORDER BY created_at DESC, id DESC LIMIT $4",
            *(org_id, prompt, project, limit + 1, prompts_like, *after),
        )
        page = [dict(row) for row in rows[:limit]]
        ends = [row.pop("created_us") for row in page]
        more = write_cursor(ends[-1], page[-1]["id"]) if len(rows) > limit else None
        return [StoredEvaluation(**row) for row in page], more

    async def end(self, org_id: str, one: StoredEvaluation, report: dict[str, Any]) -> bool:
        """Store the report of an evaluation as it was read; return whether this one is stored.

        It is not where there is one, or where labels came since then. Another report changes no time of the end.
        """
        row = await self._database.fetchrow(
            "store a report",
            "UPDATE evaluation SET report = $3, ended_at = coalesce(ended_at, now()) WHERE org_id = $1 AND id = $2 "
            "AND report IS NULL AND labels::text IS NOT DISTINCT FROM ($4::json)::text RETURNING id",
            *(org_id, one.id, report, one.labels),
        )
        return row is not None

    async def label(self, org_id: str, evaluation_id: str, joined: Joined) -> int:
        """Store labels in place of those that are there; return how many. The report is to be made again.

        Raises ``NotFound``.
        """
        async with self._database.transaction("store labels of an evaluation") as conn:
            row = await conn.fetchrow(
                "SELECT labels FROM evaluation WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, evaluation_id
            )
            if row is None:
                raise _unknown(evaluation_id)
            labels = joined(row["labels"] or [])
            await conn.execute(
                "UPDATE evaluation SET labels = $3, report = NULL WHERE org_id = $1 AND id = $2",
                *(org_id, evaluation_id, labels),
            )
        return len(labels)

    async def answers(self, org_id: str, run_id: str, nodes: Sequence[str]) -> list[AnsweredStep]:
        """Return the children of mapped nodes of a run, by node and place."""
        rows = await self._database.fetch(
            "read the answers of an evaluation",
            "SELECT node_id, child_index, attempt, status, cost_nano, "
            "coalesce(extract(epoch FROM finished_at - started_at) * 1000, 0)::bigint AS latency_ms, "
            "error, output, provider, model FROM step_run WHERE org_id = $1 AND workflow_run_id = $2 "
            "AND node_id = ANY($3::text[]) AND child_index >= 0 ORDER BY node_id, child_index",
            *(org_id, run_id, list(nodes)),
        )
        return [AnsweredStep(**row) for row in rows]


def _unknown(evaluation_id: str) -> NotFound:
    return NotFound(f"there is no evaluation {evaluation_id}; see GET /api/v1/evaluations")
