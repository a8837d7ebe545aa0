"""Records of the audit log: what was decided in an attempt, all in one, and each denial singly.

Their ids follow from the attempt, so that what is written again after a crash is told apart from what is new.
"""

from collections.abc import Sequence

from msgspec import structs

from schemas.policies.rulings import STOPS
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Decision
from schemas.records.steps import StepRequest

#: Who decides on what workers do.
ACTOR = "role:worker"
#: Decides on what enters.
DOOR = "door"


def audit_events(request: StepRequest, decisions: Sequence[Decision], first: int, at_ms: int) -> list[AuditEvent]:
    """Return the records of an attempt's decisions from number ``first`` on; none when there are none."""
    new = list(decisions[first:])
    if not new or request.security is None:
        return []
    stopped = next((one for one in new if one.enforced and one.verdict in STOPS), None)
    event = _of_attempt(request, _id("decisions", request, first), ACTOR, new, stopped, at_ms)
    return [event, *_denials(request, new, first, at_ms)]


def entry_event(
    org_id: str,
    run_id: str,
    decisions: Sequence[Decision],
    policy: str,
    at_ms: int,
    *,
    refused: bool = False,
    by: str = "",
) -> AuditEvent:
    """Return the record of what was decided on a run's inputs: one for a run, however often it is submitted.

    ``by`` is the id of the signal that it was decided on, if it was one.
    """
    denied = next((one for one in decisions if one.enforced and one.verdict == "deny"), None)
    return AuditEvent(
        event_id=f"privacy:{run_id}:{by}:{'refused' if refused else 'entered'}",
        org_id=org_id,
        actor=DOOR,
        action="signal" if by else "submission",
        subject=run_id,
        decision="denied" if refused else "allowed",
        reason="" if denied is None else denied.reason,
        at_ms=at_ms,
        kind="denial" if refused else "decisions",
        run_id=run_id,
        policy=policy,
        decisions=list(decisions),
    )


def attempt_event(request: StepRequest, decisions: Sequence[Decision], when: str, at_ms: int) -> AuditEvent:
    """Return the record of what was decided on a step that a user's own worker has, ``when`` it was."""
    denied = next((one for one in decisions if one.enforced and one.verdict == "deny"), None)
    return _of_attempt(request, f"{when}:{request.request_id}", DOOR, decisions, denied, at_ms)


def result_events(request: StepRequest, decisions: Sequence[Decision], at_ms: int) -> list[AuditEvent]:
    """Return the records of what was decided on what a user's own worker gave; none when there are no decisions."""
    if not decisions:
        return []
    denied = next((one for one in decisions if one.enforced and one.verdict == "deny"), None)
    event = _of_attempt(request, f"result:{request.request_id}", DOOR, decisions, denied, at_ms)
    denials = _denials(request, decisions, 0, at_ms)
    return [event, *(structs.replace(one, event_id=f"result:{one.event_id}", actor=DOOR) for one in denials)]


def _of_attempt(
    request: StepRequest, event_id: str, actor: str, decisions: Sequence[Decision], stopped: Decision | None, at_ms: int
) -> AuditEvent:
    """Return the record of decisions on an attempt; ``stopped`` is the one after which there is no effect, if any."""
    return AuditEvent(
        event_id=event_id,
        org_id=request.org_id,
        actor=actor,
        action="attempt",
        subject=f"{request.run_id}/{request.step_id}",
        decision="allowed" if stopped is None else "denied",
        reason="" if stopped is None else stopped.reason,
        at_ms=at_ms,
        kind="decisions",
        run_id=request.run_id,
        step_id=request.step_id,
        attempt=request.attempt,
        policy="" if request.security is None else request.security.policy,
        decisions=list(decisions),
    )


def _denials(request: StepRequest, decisions: Sequence[Decision], first: int, at_ms: int) -> list[AuditEvent]:
    policy = "" if request.security is None else request.security.policy
    return [
        AuditEvent(
            event_id=_id("denial", request, number),
            org_id=request.org_id,
            actor=ACTOR,
            action=one.point,
            subject=one.subject,
            decision="denied",
            reason=one.reason,
            at_ms=at_ms,
            kind="denial",
            run_id=request.run_id,
            step_id=request.step_id,
            attempt=request.attempt,
            policy=policy,
            decisions=[one],
        )
        for number, one in enumerate(decisions, first)
        if one.verdict == "deny" and one.enforced
    ]


def _id(kind: str, request: StepRequest, number: int) -> str:
    """Return the id of a record. After an answer of a person the same attempt decides again."""
    answers = 0 if request.security is None else len(request.security.approvals)
    return f"{kind}:{request.request_id}:{answers}:{number}"
