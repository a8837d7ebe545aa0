"""What a policy decided is a span in the step's trace, with the decisions and what stopped the attempt."""

from schemas.records.base import ErrorInfo
from schemas.records.security.pinned import Decision
from services.calls.ledger import Ledger
from services.runs.attempts.outcome import Outcome
from services.runs.attempts.spans import spans_record
from tests.support.policies import POLICY
from tests.unit.services.runs.attempts.test_tool_guard import asked

LABELS = {"to": ["web", "from:page"]}
DENIED = Decision(
    point="tool_call",
    rule="recipients",
    verdict="deny",
    subject="mail.send",
    reason="it is from outside",
    labels=LABELS,
)


def test_a_denial_is_a_guard_span_below_its_attempt() -> None:
    ledger = Ledger()
    ledger.decided([DENIED], 7_000, 0.002)
    error = ErrorInfo(code="policy_denied", message="no")
    attempt, guard = spans_record(asked(), Outcome(6_000, 8_000, error=error), ledger, "w1").spans
    assert (guard.type, guard.parent_span_id, guard.status) == ("guard", attempt.span_id, "error")
    assert (guard.start_ns, guard.end_ns - guard.start_ns) == (7_000 * 10**6, 2 * 10**6)
    assert (guard.error_code, guard.status_message) == ("policy_denied", "rule recipients: it is from outside")
    assert guard.attributes["agentflow.policy.ref"] == POLICY
    (said,) = guard.attributes["agentflow.policy.decisions"]
    assert (said["verdict"], said["subject"], said["labels"]) == ("deny", "mail.send", LABELS)


def test_without_decisions_there_is_no_span() -> None:
    ledger = Ledger()
    ledger.decided([], 7_000, 0.002)
    spans = spans_record(asked(), Outcome(6_000, 8_000, error=ErrorInfo(code="x", message="x")), ledger, "w1").spans
    assert [one.type for one in spans] == ["attempt"]
