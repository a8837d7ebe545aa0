"""Before a tool is called: what policies say of it, and what follows."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.memory.engine import ManualClock
from schemas.errors import InvalidInput, StepError, Unavailable
from schemas.labels.label import Integrity
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import ToolFacts
from schemas.policies.read import read_policy
from schemas.policies.rulings import Ruling
from schemas.records.base import Json, Record
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import UNDECLARED, Approval, ToolSecurity
from schemas.records.steps import StepRequest, ToolCall
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.runs.attempts import tool_guard
from services.runs.attempts.asking import Asked, args_hash_of
from services.runs.attempts.tool_guard import ToolGuard
from services.security.enforcement.known import KnownPolicies, hash_of
from tests.support.policies import DOCUMENT, HASH, POLICY, READ, TRUSTED, WEB, definition, security

ARGS: dict[str, Any] = {"to": "ann@example.com", "text": "Hello"}


class Desk:
    """A guard over one policy, and what it wrote to the audit log."""

    def __init__(self, document: dict[str, Json] = DOCUMENT, *, known: bool = True) -> None:
        self.written, self.ledger = list[AuditEvent](), Ledger()
        self.broken: BaseException | None = None
        self.policies = KnownPolicies()
        self.policies.mark_loaded()
        if known:
            self.policies.apply(definition("acme", document))
        self.guard = ToolGuard(self.policies, self._say, ManualClock())

    async def _say(self, records: Sequence[Record]) -> None:
        if self.broken is not None:
            raise self.broken
        self.written += [one for one in records if isinstance(one, AuditEvent)]

    async def ask(self, request: StepRequest, args: dict[str, Any] = ARGS) -> dict[str, Any]:
        assert isinstance(request.work, ToolCall)
        return await self.guard.allowed(request, request.work, args, self.ledger)


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[ToolFacts]:
    """What policies are asked."""
    asked: list[ToolFacts] = []
    decide = PolicySet.tool_call

    def noted(self: PolicySet, facts: ToolFacts) -> Ruling:
        asked.append(facts)
        return decide(self, facts)

    monkeypatch.setattr(PolicySet, "tool_call", noted)
    return asked


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies crash."""

    def crash(self: PolicySet, facts: ToolFacts) -> Ruling:
        raise RecursionError("too deep")

    monkeypatch.setattr(PolicySet, "tool_call", crash)


def asked(**changes: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "run_id": "r1",
        "org_id": "acme",
        "workflow_name": "flow",
        "workflow_version": 1,
        "step_id": "mail",
        "node_id": "mail",
        "attempt": 1,
        "tier": "silver",
        "work": ToolCall(name="mail.send"),
        "requested_at_ms": 1,
        "security": security(),
    }
    return StepRequest(**(fields | changes))


async def test_without_security_nothing_is_asked(facts: list[ToolFacts]) -> None:
    desk = Desk()
    assert await desk.ask(asked(security=None)) is ARGS
    assert (facts, desk.written, desk.ledger.decisions) == ([], [], [])


async def test_what_allows_an_effect_is_in_the_audit_log_before_it() -> None:
    desk = Desk()
    assert await desk.ask(asked()) is ARGS
    (event,) = desk.written
    assert (event.kind, event.decision, event.policy, event.org_id) == ("decisions", "allowed", POLICY, "acme")
    assert (event.run_id, event.step_id, event.attempt) == ("r1", "mail", 1)
    assert [(one.verdict, one.subject, one.enforced) for one in event.decisions] == [("allow", "mail.send", True)]
    assert desk.ledger.audited == 1


async def test_what_reads_only_is_told_with_the_outcome() -> None:
    desk = Desk()
    await desk.ask(asked(security=security(tool=READ, args={"$": TRUSTED, "$.text": [*TRUSTED, "class:card"]})))
    assert desk.written == []
    assert [one.rule for one in desk.ledger.decisions] == ["cards"]
    assert desk.ledger.audited == 0


async def test_the_policy_is_asked_with_labels_and_declarations(facts: list[ToolFacts]) -> None:
    desk = Desk()
    said = security(tool=None, agent=True, context=WEB, control=["user"])
    await desk.ask(asked(security=said, tags={"team": "a"}))
    (one,) = facts
    assert (one.tool, one.args, one.security) == ("mail.send", ARGS, UNDECLARED)
    assert (one.context.integrity, one.control.integrity) == (Integrity.WEB, Integrity.USER)
    where = one.where
    assert (where.org, where.workflow, where.run, where.node, where.kind) == ("acme", "flow", "r1", "mail", "agent")
    assert where.tags == {"team": "a"}
    assert one.labels.at(("text",)).whole.integrity == Integrity.TRUSTED


async def test_who_is_no_agent_has_read_its_arguments(facts: list[ToolFacts]) -> None:
    desk = Desk()
    await desk.ask(asked(security=security(agent=True)))
    await desk.ask(asked(security=security(to=["user"])))
    assert [one.context.integrity for one in facts] == [Integrity.WEB, Integrity.USER]


async def test_a_denial_names_rule_and_reason_and_is_final() -> None:
    desk = Desk()
    with pytest.raises(StepError, match=r"'mail.send' is denied by rule 'recipients' of policy guard@1: it is") as e:
        await desk.ask(asked(security=security(to=WEB)))
    assert (e.value.code, e.value.retryable, e.value.details["rule"]) == ("policy_denied", False, "recipients")
    assert [one.verdict for one in desk.ledger.decisions] == ["deny", "allow"]
    assert desk.written == []


async def test_a_policy_that_is_not_known_defers() -> None:
    desk = Desk(known=False)
    with pytest.raises(Deferred, match=r"the run's policy [0-9a-f]{12} is not known to this worker"):
        await desk.ask(asked())
    with pytest.raises(Unavailable, match="may not have been read yet"):
        KnownPolicies().of("acme", HASH, "enforce")
    # A policy of another organisation is none.
    other = Desk()
    with pytest.raises(Deferred):
        await other.ask(asked(org_id="other"))


@pytest.mark.parametrize(
    "said", [security(to=["evil"]), security(control=["evil"]), security(args={"to": TRUSTED})], ids=repr
)
async def test_labels_that_cannot_be_read_fail(said: Any) -> None:
    desk = Desk()
    with pytest.raises(StepError, match="could not decide") as caught:
        await desk.ask(asked(security=said))
    assert (caught.value.code, caught.value.retryable) == ("policy_failed", False)
    assert [(one.rule, one.verdict, one.enforced) for one in desk.ledger.decisions] == [("error", "deny", True)]


async def test_a_policy_that_crashes_fails(broken: None) -> None:
    desk = Desk()
    with pytest.raises(StepError, match="policy guard@1 could not decide: too deep") as caught:
        await desk.ask(asked())
    assert caught.value.code == "policy_failed"


async def test_a_policy_that_is_wrong_fails() -> None:
    desk, document = (
        Desk(),
        {"name": "guard", "rules": [{"id": "a", "at": "tool_call", "verdict": "deny", "when": "("}]},
    )
    record = definition("acme")
    desk.policies.apply(type(record)(kind="policy", org_id="acme", id="guard", body=document, changed_at_ms=1))
    with pytest.raises(InvalidInput):
        desk.policies.of("acme", hash_of(document), "enforce")
    with pytest.raises(StepError, match="could not decide") as caught:
        await desk.ask(asked(security=security(policy_hash=hash_of(document))))
    assert caught.value.code == "policy_failed"


async def test_shadow_mode_changes_nothing() -> None:
    desk = Desk()
    assert await desk.ask(asked(security=security(to=WEB, mode="shadow"))) is ARGS
    assert [(one.verdict, one.enforced) for one in desk.ledger.decisions] == [("deny", False), ("allow", False)]
    assert desk.written == []


async def test_in_shadow_mode_a_crash_is_a_decision(broken: None) -> None:
    desk = Desk()
    assert await desk.ask(asked(security=security(mode="shadow"))) is ARGS
    assert [(one.rule, one.verdict, one.enforced) for one in desk.ledger.decisions] == [("error", "deny", False)]


async def test_in_shadow_mode_a_policy_that_is_not_known_is_a_decision() -> None:
    desk = Desk(known=False)
    assert await desk.ask(asked(security=security(mode="shadow"))) is ARGS
    assert [(one.rule, one.enforced) for one in desk.ledger.decisions] == [("error", False)]


async def test_redacted_arguments_are_other_arguments() -> None:
    desk, args = Desk(), {"to": "ann", "text": "x", "card": {"number": "4111", "kind": "x"}}
    labels = {"$": TRUSTED, "$.card.number": [*TRUSTED, "class:card"]}
    changed = await desk.ask(asked(security=security(args=labels)), args)
    assert changed == {"to": "ann", "text": "x", "card": {"number": "[redacted]", "kind": "x"}}
    assert args["card"] == {"number": "4111", "kind": "x"}


STRANGER = {"to": "stranger", "text": "Hello"}


async def test_a_question_is_for_a_person_and_tells_what_the_call_is() -> None:
    desk = Desk()
    with pytest.raises(Asked) as caught:
        await desk.ask(asked(), STRANGER)
    question = caught.value.question
    assert (question.rules, question.tool, question.reasons) == (["strangers"], "mail.send", ["nobody knows them"])
    assert question.summary == 'mail.send(to="stranger", text="Hello")'
    assert (question.args_hash, question.timeout_ms) == (args_hash_of(STRANGER), None)
    assert [(one.kind, one.decision) for one in caught.value.decided if isinstance(one, AuditEvent)] == [
        ("decisions", "denied")
    ]
    assert desk.written == []


async def test_a_question_lasts_as_long_as_the_policy_says() -> None:
    document = DOCUMENT | {"ask_within_s": 60}
    desk = Desk(document)
    with pytest.raises(Asked) as caught:
        await desk.ask(asked(security=security(policy_hash=read_policy(document).hash)), STRANGER)
    assert caught.value.question.timeout_ms == 60_000


async def test_what_may_not_be_recorded_is_not_shown_either() -> None:
    desk = Desk()
    with pytest.raises(Asked) as caught:
        await desk.ask(asked(capture="none"), STRANGER)
    assert caught.value.question.summary == "mail.send(to, text)"


async def test_a_yes_is_for_one_rule_and_these_arguments() -> None:
    desk = Desk()
    yes = Approval(rule="strangers", args_hash=args_hash_of(STRANGER), approved_by="key:ann")
    request = asked(security=security(approvals=[yes]))
    assert await desk.ask(request, STRANGER) == STRANGER
    (event,) = desk.written
    assert event.decision == "allowed"
    said = {one.rule: (one.verdict, one.reason) for one in event.decisions}
    assert said["strangers"] == ("allow", "nobody knows them; approved by key:ann")
    with pytest.raises(Asked):
        await desk.ask(request, STRANGER | {"text": "Other"})
    other = Approval(rule="others", args_hash=args_hash_of(STRANGER))
    with pytest.raises(Asked):
        await desk.ask(asked(security=security(approvals=[other])), STRANGER)


async def test_a_yes_lifts_no_denial() -> None:
    desk = Desk()
    yes = Approval(rule="recipients", args_hash=args_hash_of(ARGS))
    with pytest.raises(StepError, match="recipients"):
        await desk.ask(asked(security=security(to=WEB, approvals=[yes])))


async def test_without_the_audit_log_there_is_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.broken = Unavailable("kafka", "no leader")
    with pytest.raises(Deferred, match="the audit log cannot be written"):
        await desk.ask(asked())
    desk = Desk()
    desk.broken = RuntimeError("record too large")
    with pytest.raises(StepError, match="record too large") as caught:
        await desk.ask(asked())
    assert caught.value.code == "policy_failed"

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(tool_guard, "ACK_S", 0.01)
    silent = ToolGuard(desk.policies, never, ManualClock())
    with pytest.raises(Deferred, match="the audit log cannot be written"):
        await silent.allowed(asked(), ToolCall(name="mail.send"), ARGS, Ledger())


RESULTS: dict[str, Json] = {
    "name": "guard",
    "rules": [
        {"id": "web", "at": "output", "tools": ["*"], "when": "'secret' in output.classes", "verdict": "deny"},
        {"id": "pii", "at": "output", "tools": ["mail.*"], "when": "true", "verdict": "redact", "redact": ["$.who"]},
    ],
}


def results(desk: Desk, mode: str = "enforce", **changes: Any) -> StepRequest:
    policy_hash = read_policy(RESULTS).hash
    return asked(security=security(policy_hash=policy_hash, mode=mode, **changes))


def test_what_a_tool_gives_is_hidden_or_not_given() -> None:
    desk = Desk(RESULTS)
    value = {"who": "ann", "text": "hi"}
    work = ToolCall(name="mail.send")
    assert desk.guard.given(results(desk), work, value, desk.ledger) == {"who": "[redacted]", "text": "hi"}
    assert [(one.point, one.rule) for one in desk.ledger.decisions] == [("output", "pii")]
    secret = ToolSecurity(source=["trusted", "class:secret"])
    with pytest.raises(StepError, match=r"is denied by rule 'web'") as e:
        desk.guard.given(results(desk, tool=secret), work, value, desk.ledger)
    assert (e.value.code, e.value.retryable) == ("policy_denied", False)
    # In shadow mode it is noted, and given as it is.
    assert desk.guard.given(results(desk, "shadow", tool=secret), work, value, desk.ledger) is value
    assert not desk.ledger.decisions[-1].enforced


def test_what_a_tool_gives_is_as_it_is_without_rules_for_it() -> None:
    desk, value = Desk(), {"who": "ann"}
    assert desk.guard.given(asked(), ToolCall(name="mail.send"), value, desk.ledger) is value
    assert desk.guard.given(asked(security=None), ToolCall(name="mail.send"), value, desk.ledger) is value
    assert desk.ledger.decisions == []
