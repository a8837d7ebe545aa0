"""Which canaries are withdrawn, as decisions come in."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.rollouts.plan import Plan, rollout_key
from services.prompts.rollouts.withdrawals import Withdrawals

KEY = rollout_key("acme", "greet", "production")


def decided(number: int, status: str, **changes: Any) -> DeploymentDecided:
    fields: dict[str, Any] = {"prompt": "greet", "environment": "production", "stable_version": 1, "canary_version": 2}
    fields |= {"status": status, "step": 0, "ratio": 0.1, "reason": "x", "at_ms": 9, "number": number}
    return DeploymentDecided(**{"org_id": "acme", "deployment_id": "d1", "plan": Plan()} | fields | changes)


def loaded(*records: DeploymentDecided) -> Withdrawals:
    found = Withdrawals()
    for one in records:
        found.apply(one)
    found.mark_loaded()
    return found


def test_before_everything_was_read_nobody_knows() -> None:
    found = Withdrawals()
    found.apply(decided(1, "running"))
    with pytest.raises(Unavailable, match="read to its end"):
        found.is_withdrawn(KEY, "d1", 2)
    with pytest.raises(Unavailable):
        found.is_over(KEY, "d1")


@pytest.mark.parametrize(
    ("status", "withdrawn", "over"),
    [("running", False, False), ("rolled_back", True, True), ("stopped", True, True), ("promoted", False, True)],
)
def test_the_newest_decision_counts(status: str, withdrawn: bool, over: bool) -> None:
    found = loaded(decided(1, "running"), decided(2, status))
    assert (found.is_withdrawn(KEY, "d1", 2), found.is_over(KEY, "d1")) == (withdrawn, over)


def test_a_repeat_of_an_older_decision_changes_nothing() -> None:
    found = loaded(decided(2, "rolled_back"), decided(1, "running"))
    assert found.is_withdrawn(KEY, "d1", 2)


def test_what_is_decided_by_hand_later_wins() -> None:
    found = loaded(decided(1, "rolled_back"), decided(2, "promoted"))
    assert not found.is_withdrawn(KEY, "d1", 2)


def test_after_another_deployment_began_its_stable_version_says_what_became_of_this_one() -> None:
    after_rollback = loaded(decided(1, "running", deployment_id="d2", stable_version=1, canary_version=3))
    assert after_rollback.is_withdrawn(KEY, "d1", 2)
    after_promotion = loaded(decided(1, "running", deployment_id="d2", stable_version=2, canary_version=3))
    assert not after_promotion.is_withdrawn(KEY, "d1", 2)
    assert after_promotion.is_over(KEY, "d1")


def test_a_deployment_that_is_not_heard_of_yet_runs() -> None:
    found = loaded(decided(1, "running"), decided(2, "rolled_back"))
    assert not found.is_over(KEY, "d2")
    assert not found.is_withdrawn(KEY, "d2", 3), "else its canary's runs get the stable version, and count as its own"
    found.apply(decided(1, "rolled_back", deployment_id="d2", canary_version=3))
    assert found.is_withdrawn(KEY, "d2", 3)


def test_other_rollouts_say_nothing() -> None:
    found = loaded(decided(1, "rolled_back", environment="staging"), decided(1, "rolled_back", org_id="other"))
    assert not found.is_withdrawn(KEY, "d1", 2)
    assert not found.is_over(KEY, "d1")
