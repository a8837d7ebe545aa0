"""Reads the steps of a run by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.postgres.database import Database
from connectors.postgres.history.runs import STEP, StoredStep
from connectors.postgres.page_cursor import invalid_cursor
from schemas.run_states import StepState
from schemas.values.cursors import packed, unpacked


@dataclass(frozen=True)
class StepFilter:
    """Filter of a run's steps; ``None`` does not filter."""

    node: str | None = None
    status: StepState | None = None
    cursor: str | None = None
    limit: int = 100
    outputs: bool = False


class RunSteps:
    """The steps of runs, by page. Raises ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, org_id: str, run_id: str, wanted: StepFilter) -> tuple[list[StoredStep], str | None]:
        """Return steps by node, children by index, and the cursor of the next page.

        Raises ``InvalidInput`` for a bad cursor. An unknown run has no steps.
        """
        conditions, args = _conditions(org_id, run_id, wanted)
        output = "output" if wanted.outputs else "NULL AS output"
        rows = await self._database.fetch(
            "list steps",
            f"SELECT {STEP}, {output} FROM step_run WHERE {' AND '.join(conditions)} "
            f"ORDER BY node_id, child_index, step_id LIMIT ${len(args) + 1}",
            *(*args, wanted.limit + 1),
        )
        steps = [StoredStep(**row) for row in rows[: wanted.limit]]
        return steps, _cursor(steps[-1]) if len(rows) > wanted.limit else None

    async def some(self, org_id: str, run_id: str, step_ids: Sequence[str]) -> list[StoredStep]:
        """Return steps with their outputs, in the order of their end."""
        rows = await self._database.fetch(
            "read the outputs of steps",
            f"SELECT {STEP}, output FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 "
            "AND step_id = ANY($3::text[]) ORDER BY finished_at NULLS LAST, step_id",
            *(run_id, org_id, list(step_ids)),
        )
        return [StoredStep(**row) for row in rows]

    async def one(self, org_id: str, run_id: str, step_id: str) -> StoredStep | None:
        """Return a step without its output, or ``None``."""
        row = await self._database.fetchrow(
            "read a step",
            f"SELECT {STEP}, NULL AS output FROM step_run WHERE workflow_run_id = $1 AND org_id = $2 AND step_id = $3",
            *(run_id, org_id, step_id),
        )
        return StoredStep(**row) if row is not None else None


def _conditions(org_id: str, run_id: str, wanted: StepFilter) -> tuple[list[str], list[object]]:
    conditions = ["workflow_run_id = $1", "org_id = $2"]
    values: list[object] = [run_id, org_id]
    if wanted.node is not None:
        values.append(wanted.node)
        conditions.append(f"node_id = ${len(values)}")
    if wanted.status is not None:
        values.append(wanted.status)
        conditions.append(f"status = ${len(values)}")
    if wanted.cursor is not None:
        values += _read_cursor(wanted.cursor)
        at = len(values)
        conditions.append(f"(node_id, child_index, step_id) > (${at - 2}, ${at - 1}, ${at})")
    return conditions, values


def _cursor(step: StoredStep) -> str:
    return packed([step.node_id, step.child_index, step.step_id])


def _read_cursor(cursor: str) -> list[object]:
    try:
        found = unpacked(cursor)
    except ValueError:
        found = []
    match found:
        case [str() as node, int() as index, str() as step] if -1 <= index < 2**31 and "\0" not in node + step:
            return [node, index, step]
    raise invalid_cursor()
