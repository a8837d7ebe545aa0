"""Converts a run view from the bus into the shape of history."""

import msgspec

from connectors.postgres.history.runs import RunLine, StoredStep
from schemas.records.base import ErrorInfo
from schemas.records.run_views import RunView, StepView


def run_line(view: RunView) -> RunLine:
    """Return the run as lists show it."""
    return RunLine(
        id=view.run_id,
        workflow_name=view.workflow_name,
        workflow_version=view.workflow_version,
        status=view.status,
        tags=view.tags,
        input_tokens=view.usage.input_tokens,
        output_tokens=view.usage.output_tokens,
        kinds=view.usage.kinds,
        cost_nano=view.cost_nano,
        error=_error(view.error),
        created_ms=view.submitted_at_ms,
        started_ms=view.started_at_ms,
        finished_ms=view.finished_at_ms,
        parent_run_id=view.parent.run_id if view.parent is not None else None,
        parent_step_id=view.parent.step_id if view.parent is not None else None,
        parent_detached=view.parent is not None and view.parent.detached,
        children_nano=view.children_nano,
        compensating=view.compensating,
    )


def stored_steps(view: RunView) -> list[tuple[int, StoredStep]]:
    """Return the changed steps, each with the view's version."""
    return [(view.version, _step(step)) for step in view.steps]


def _step(step: StepView) -> StoredStep:
    return StoredStep(
        step_id=step.step_id,
        node_id=step.node_id,
        kind=step.kind,
        status=step.state,
        attempt=step.attempt,
        error=_error(step.error),
        input_tokens=step.usage.input_tokens,
        output_tokens=step.usage.output_tokens,
        kinds=step.usage.kinds,
        cost_nano=step.cost_nano,
        provider=step.provider,
        model=step.model,
        cached=step.cached,
        waiting_for=step.waiting_for,
        waiting_until_ms=step.waiting_until_ms,
        note=step.note,
        reused_from=step.reused_from,
        child_run_id=step.child_run_id,
        started_ms=step.started_at_ms,
        finished_ms=step.finished_at_ms,
    )


def _error(error: ErrorInfo | None) -> dict[str, object] | None:
    return None if error is None else msgspec.to_builtins(error)
