"""Which guards look at an attempt's answers: those of its policy, and nothing passes while that is unknown."""

from typing import Any

import pytest

from schemas.errors import StepError
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.steps import StepRequest, StepSecurity, ToolCall
from services.calls.timeouts import Deferred
from services.runs.attempts.answer_guards import AnswerGuards
from services.security.enforcement.known import KnownPolicies
from tests.support.policies import definition, security

GUARDED: dict[str, Json] = {"name": "guard", "guards": [{"id": "short", "kind": "max_length", "chars": 5}]}
HASH = read_policy(GUARDED).hash


def request(found: StepSecurity | None) -> StepRequest:
    fields: dict[str, Any] = {"run_id": "r", "org_id": "acme", "workflow_name": "w", "workflow_version": 1}
    fields |= {"step_id": "s", "node_id": "n", "attempt": 1, "tier": "gold", "requested_at_ms": 1}
    return StepRequest(work=ToolCall(name="t"), security=found, **fields)


def known(*documents: dict[str, Json]) -> AnswerGuards:
    policies = KnownPolicies()
    policies.mark_loaded()
    for document in documents:
        policies.apply(definition("acme", document))
    return AnswerGuards(policies, {})


def test_a_run_without_a_policy_has_no_guards():
    assert known(GUARDED).of(request(None)) is None


def test_the_guards_are_those_of_the_pinned_policy():
    guards = known(GUARDED)
    found = guards.of(request(security(policy_hash=HASH)))
    assert found is not None
    assert [one.rule.id for one in found.every] == ["short"]
    assert guards.of(request(security(policy_hash=HASH))) is found, "it is made once"
    shadow = guards.of(request(security(policy_hash=HASH, mode="shadow")))
    assert shadow is not None
    assert shadow.digest == ""


def test_an_attempt_waits_for_a_policy_that_is_not_known():
    with pytest.raises(Deferred):
        known().of(request(security(policy_hash=HASH)))
    assert known().of(request(security(policy_hash=HASH, mode="shadow"))) is None


def test_a_policy_that_cannot_be_read_lets_nothing_pass():
    class Broken:
        def of(self, *_: Any) -> Any:
            raise ValueError("a syntax error")

    guards = AnswerGuards(Broken(), {})
    with pytest.raises(StepError) as caught:
        guards.of(request(security(policy_hash=HASH)))
    assert (caught.value.code, caught.value.retryable) == ("policy_failed", False)
    assert guards.of(request(security(policy_hash=HASH, mode="shadow"))) is None
