"""Approvals: a policy asks a person whether a step may call a tool with the arguments that it would call it with.

The worker gives the attempt back with the question (``StepDeferred.asks``), and the step waits for the signal
``approve/<step id>``. Yes: the same attempt is requested again, with the yes (``Approval``), which is for these rules
and these arguments only; so other arguments ask again. No, or no answer in time: the step fails with ``policy_denied``.
The answers stay with the step, so a later attempt that would do the same does not ask.
"""

from typing import Any, Literal

from schemas.payload import Inline, Payload
from schemas.records.base import ErrorInfo
from schemas.records.run_events import SignalReceived, StepDeferred
from schemas.records.security.pinned import Approval, Question
from schemas.records.timers import ApprovalTimeout
from schemas.spec.approvals import step_of
from schemas.spec.error_codes import POLICY_DENIED
from streams.core.runs.nodes.kind import Ended
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: What a person is shown of a question; the rest of it is in the worker's decisions.
SHOWN_MOST = 1_000

AnswerIs = Literal["answer", "unknown"]


def waits(run: RunChanges, event: StepDeferred, asks: Question) -> dict[str, Any]:
    """Return the fields of a step that waits for a person."""
    due_ms = None if asks.timeout_ms is None else run.now_ms + asks.timeout_ms
    return {
        "state": "waiting",
        "deferral": event.deferral,
        "timer": None if due_ms is None else ApprovalTimeout(event.step_id, event.attempt),
        "due_ms": due_ms,
        "waiting_for": f"approval {asks.id} {asks.summary}"[:SHOWN_MOST],
        "worker_id": event.worker_id,
        "asks": asks,
    }


def answer_is(run: RunReader, event: SignalReceived) -> AnswerIs:
    """Return whether a signal answers a question that is open now: of this step, and about these arguments."""
    step_id = step_of(event.name)
    step = None if step_id is None else run.step(step_id)
    if step is None or step.state != "waiting" or step.asks is None:
        return "unknown"
    said = _said(event.payload)
    return "unknown" if said is None or said.get("question", step.asks.id) != step.asks.id else "answer"


def is_yes(payload: Payload) -> bool:
    """Return whether an answer is a yes."""
    said = _said(payload)
    return said is not None and said["approve"]


def approved(step: Step, asks: Question, by: str) -> tuple[Approval, ...]:
    """Return the answers that a step has with one more."""
    new = (Approval(rule=rule, args_hash=asks.args_hash, approved_by=by) for rule in asks.rules)
    return (*step.approvals, *(one for one in new if one not in step.approvals))


def refused(step_id: str, asks: Question, by: str) -> Ended:
    """Return the end of a step after a no."""
    who = f" by {by}" if by else ""
    return _denied(step_id, asks, f"was refused{who}")


def time_out(_turn: RunChanges, step_id: str, step: Step) -> Ended | None:
    """Return the end of a step that nobody answered for."""
    asks = step.asks
    if asks is None or asks.timeout_ms is None:
        return None
    return _denied(step_id, asks, f"was not approved within {asks.timeout_ms / 1000:g} s")


def _denied(step_id: str, asks: Question, what: str) -> Ended:
    rules = ", ".join(asks.rules)
    message = f"the call of {asks.tool!r} {what}; rule {rules} of the policy asks before it"
    details = {"rule": rules, "question": asks.id}
    error = ErrorInfo(code=POLICY_DENIED, message=message[:1000], step_id=step_id, details=details)
    return Ended(step_id, error=error)


def _said(payload: Payload) -> dict[str, Any] | None:
    value = payload.value if isinstance(payload, Inline) else None
    return value if isinstance(value, dict) and type(value.get("approve")) is bool else None
