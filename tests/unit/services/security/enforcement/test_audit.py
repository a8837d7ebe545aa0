"""Records of the audit log: one of all decisions of an attempt, each denial singly, and ids that tell repeats."""

from msgspec import structs

from schemas.records.security.pinned import Approval, Decision
from services.security.enforcement.audit import audit_events
from tests.support.policies import security
from tests.unit.services.runs.attempts.test_tool_guard import asked

ALLOWED = Decision(point="tool_call", rule="a", verdict="allow", subject="mail.send")
DENIED = Decision(point="output", rule="b", verdict="deny", subject="$.text", reason="it has a secret")
NOT_ENFORCED = structs.replace(DENIED, enforced=False)


def test_one_record_has_all_decisions_and_denials_are_singly() -> None:
    decided, denial = audit_events(asked(), [ALLOWED, DENIED], 0, 7)
    assert (decided.kind, decided.decision, decided.reason) == ("decisions", "denied", "it has a secret")
    assert decided.decisions == [ALLOWED, DENIED]
    assert (denial.kind, denial.action, denial.subject) == ("denial", "output", "$.text")
    assert denial.decisions == [DENIED]
    assert decided.event_id != denial.event_id


def test_what_was_written_is_not_written_again() -> None:
    assert audit_events(asked(), [ALLOWED], 1, 7) == []
    rest = audit_events(asked(), [ALLOWED, DENIED], 1, 7)
    assert [one.decisions for one in rest] == [[DENIED], [DENIED]]
    assert rest[0].event_id != audit_events(asked(), [ALLOWED, DENIED], 0, 7)[0].event_id


def test_without_security_there_are_none() -> None:
    assert audit_events(asked(security=None), [DENIED], 0, 7) == []


def test_a_repeat_has_the_same_ids_and_an_answer_makes_others() -> None:
    first = [one.event_id for one in audit_events(asked(), [DENIED], 0, 7)]
    assert first == [one.event_id for one in audit_events(asked(deferral=2), [DENIED], 0, 99)]
    answered = asked(security=security(approvals=[Approval(rule="b", args_hash="h")]))
    again = [one.event_id for one in audit_events(answered, [DENIED], 0, 7)]
    other = [one.event_id for one in audit_events(asked(attempt=2), [DENIED], 0, 7)]
    assert len({*first, *again, *other}) == 6


def test_shadow_decisions_deny_nothing() -> None:
    (event,) = audit_events(asked(), [NOT_ENFORCED], 0, 7)
    assert (event.kind, event.decision) == ("decisions", "allowed")
