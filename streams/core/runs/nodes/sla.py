"""``policy.sla_ms``: whether a step that ends met its target. A miss is counted and shown; it decides nothing."""

from typing import Any

from schemas.metrics import STEP_SLA_MISSES_TOTAL
from streams.core.commands import Count
from streams.core.runs.state.entries import Step
from streams.core.runs.state.run import Turn


def judged(turn: Turn, step: Step) -> dict[str, Any]:
    """Return what the end of ``step`` says of its target, from its first request to now, and count a miss."""
    target_ms, since_ms = turn.node_of(step).policy.sla_ms, first_asked_ms(step)
    if target_ms is None or since_ms is None or step.gather is not None or turn.now_ms - since_ms <= target_ms:
        return {}
    labels = (("workflow", turn.header.workflow_name), ("node", step.node))
    turn.commands.append(Count(STEP_SLA_MISSES_TOTAL, labels))
    return {"sla_missed": True}


def first_asked_ms(step: Step) -> int | None:
    """Return when a step was asked for first."""
    return step.requested_at_ms if step.first_asked_ms is None else step.first_asked_ms


def remembered(turn: Turn, step: Step) -> dict[str, Any]:
    """Return what a step that is asked for again keeps of its first request: nothing, if it has no target."""
    return {} if turn.node_of(step).policy.sla_ms is None else {"first_asked_ms": first_asked_ms(step)}
