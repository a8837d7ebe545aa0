"""The spans of calls that no outcome has reported: their worker died or lost its claim, and the ledger has their cost.

So the costs of a trace's spans are the run's cost. Nothing is known of such a call but its money; if its worker has
written the span of the call after all, that one has the same id and counts (``schemas.records.spans.UNREPORTED``).
"""

import re
from collections.abc import Iterator, Mapping

from schemas.ids import call_span_id, span_id
from schemas.records.spans import UNREPORTED, Span
from streams.core.runs.state.entries import FROM_LEDGER, Booked, Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.traces.steps import NS_PER_MS

#: The code of a call whose outcome nobody knows.
UNKNOWN_OUTCOME = "unknown_outcome"
#: What the name of a call begins with: its attempt, and when that was claimed or which call it is.
_ATTEMPT = re.compile(r"[0-9]+(?=[@#])")


def calls_of_step(run: RunReader, step_id: str, step: Step) -> Iterator[Span]:
    """Yield the calls of a step that only the ledger knows."""
    prefix = f"{run.run_id}:{step_id}:"
    for name, booked in _unreported(step.booked):
        attempt = _ATTEMPT.match(name)
        if attempt is not None:
            yield _span(run, step_id, int(attempt[0]), f"{prefix}{name}", booked, step)


def calls_of_run(run: RunReader) -> Iterator[Span]:
    """Yield the calls that only the ledger knows, and whose step the run has never requested."""
    for call, booked in _unreported(run.other_calls):
        yield _span(run, "", 0, call, booked, None)


def _unreported(booked: Mapping[str, Booked] | None) -> list[tuple[str, Booked]]:
    return [(call, one) for call, one in (booked or {}).items() if one.version == FROM_LEDGER]


def _span(run: RunReader, step_id: str, attempt: int, call: str, booked: Booked, step: Step | None) -> Span:
    until_ms = (step.finished_at_ms if step is not None else None) or run.finished_at_ms or run.now_ms
    since_ms = (step.requested_at_ms if step is not None else None) or run.header.submitted_at_ms
    return Span(
        span_id=call_span_id(run.run_id, step_id, attempt, call),
        parent_span_id=span_id(run.run_id, step_id, attempt),
        name="call unreported",
        kind="client",
        start_ns=min(since_ms, until_ms) * NS_PER_MS,
        end_ns=until_ms * NS_PER_MS,
        status="error",
        attributes={"agentflow.call.id": call, UNREPORTED: True},
        type="llm_call",
        step_id=step_id,
        attempt=attempt,
        cost_nano=booked.amount_nano,
        error_code=UNKNOWN_OUTCOME,
    )
