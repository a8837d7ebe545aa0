"""A trace as the client makes it of a run's steps."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agentflow.models import StepAnswer


@dataclass(frozen=True)
class TraceEvent:
    """One step's work. ``type`` is ``llm_call``, ``tool_call``, and so on by the kind of its node.

    ``duration_s`` is ``None`` until it has ended; ``tokens`` counts input and output together.
    """

    type: str
    step_id: str
    status: str
    timestamp: str
    duration_s: float | None
    provider: str | None
    model: str | None
    tokens: int
    cost_usd: Decimal
    attempts: int
    error: str | None


@dataclass(frozen=True)
class Trace:
    """The events of a run, in the order in which its steps started."""

    trace_id: str
    run_id: str
    events: list[TraceEvent]


def event_of(step: StepAnswer) -> TraceEvent:
    """Return the event of a step that has started."""
    return TraceEvent(
        type=f"{step.type}_call",
        step_id=step.id,
        status=step.status,
        timestamp=step.started_at or "",
        duration_s=_seconds(step.started_at, step.finished_at),
        provider=step.provider,
        model=step.model,
        tokens=step.tokens.input + step.tokens.output,
        cost_usd=step.cost_usd,
        attempts=step.attempts,
        error=step.error.code if step.error is not None else None,
    )


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
