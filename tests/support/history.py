"""Run history as the history role writes it, for invented runs."""

from collections.abc import Sequence
from typing import Any

from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.postgres.history.run_writes import RunWrites
from schemas.records.run_events import RunSubmitted
from schemas.records.run_views import RunView, StepView
from schemas.run_states import RunState
from streams.roles.sinks.history import HistorySink


def view_of(
    record: RunSubmitted, status: RunState, steps: Sequence[StepView] = (), version: int = 1, **more: Any
) -> RunView:
    """Return a view of a submitted run."""
    fields: dict[str, Any] = {
        "run_id": record.run_id,
        "org_id": record.org_id,
        "workflow_name": record.workflow_name,
        "workflow_version": record.workflow_version,
        "source": record.source,
        "submission_id": record.submission_id,
        "body_hash": record.body_hash,
        "spec_hash": record.spec.hash,
        "inputs": record.inputs,
        "stored_inputs": record.stored_inputs or None,
        "tags": record.tags,
        "budget_nano": record.budget_nano,
        "submitted_at_ms": record.submitted_at_ms,
        "trace_id": "t" * 32,
    }
    return RunView(status=status, version=version, steps=list(steps), **(fields | more))


async def write_views(dsn: str, *views: RunView) -> None:
    """Write views into a database."""
    database = Database(dsn)
    try:
        await HistorySink(RunWrites(database)).write([(InRecord("run-views", 0, 0, 0, None, None), v) for v in views])
    finally:
        await database.close()
