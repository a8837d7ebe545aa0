"""Run views as evidence: the newest of a run and of each step stand, and every end and every result is kept."""

from typing import Any

from msgspec.structs import replace

from schemas.payload import Inline, Payload
from schemas.records.run_views import RunView, StepView
from tests.chaos.evidence import ENDED, SETTLED_STEP
from tests.chaos.records import RunSeen, StepSeen
from tests.chaos.scenarios.answers import shown


def with_view(known: RunSeen | None, view: RunView) -> RunSeen:
    """Return a run as one more view shows it; views may come in any order, and again."""
    steps = dict(known.steps) if known is not None else {}
    for step in view.steps:
        steps[step.step_id] = _with_step(steps.get(step.step_id), step, view.version)
    ends = dict(known.ends) if known is not None else {}
    if view.status in ENDED:
        ends[view.status] = min(view.version, ends.get(view.status, view.version))
    if known is not None and known.version > view.version:
        return replace(known, ends=ends, steps=steps)
    output = known.output if known is not None else None
    if view.output is not None:
        output = {name: plain(one) for name, one in view.output.items()}
    return RunSeen(
        org=view.org_id,
        workflow=view.workflow_name,
        version=view.version,
        status=view.status,
        cost=view.cost_nano,
        children_nano=view.children_nano,
        output=output,
        code=view.error.code if view.error is not None else "",
        why=view.error.message[:200] if view.error is not None else "",
        ends=ends,
        submitted_ms=view.submitted_at_ms,
        finished_ms=view.finished_at_ms,
        steps=steps,
    )


def plain(payload: Payload) -> Any:
    """Return a payload's value as evidence has it."""
    return shown(payload.value) if isinstance(payload, Inline) else f"stored:{payload.sha256}"


def _with_step(known: StepSeen | None, step: StepView, version: int) -> StepSeen:
    outputs = list(known.outputs) if known is not None else []
    if step.state in SETTLED_STEP and step.output is not None and (value := plain(step.output)) not in outputs:
        outputs.append(value)
    if known is not None and known.version > version:
        return replace(known, outputs=outputs)
    return StepSeen(
        version=version,
        state=step.state,
        attempt=step.attempt,
        cost=step.cost_nano,
        outputs=outputs,
        requested_ms=step.requested_at_ms,
        finished_ms=step.finished_at_ms,
    )
