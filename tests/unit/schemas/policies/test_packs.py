"""Packs: their own tests pass, and fail when a rule is removed, inverted, weakened or changed in one place."""

import pytest

from bench.policies.mutants import is_found, mutants, own_rules, packs
from schemas.policies.document import Endorsement, Policy
from schemas.policies.testing import run_tests

_ALL = packs()
_RULES = [(name, at, policy.rules[at].id) for name, policy in _ALL.items() for at in own_rules(policy)]


@pytest.mark.parametrize("name", _ALL)
def test_the_tests_of_a_pack_pass_and_reach_its_rules(name: str) -> None:
    report = run_tests(_ALL[name])
    assert [one.line for one in report.failed] == []
    assert [one for one in report.untested if "/" not in one] == []
    assert all(test.rules for test in _ALL[name].tests if test.expect != "allow")


@pytest.mark.parametrize(("name", "at", "rule"), _RULES, ids=[f"{name}-{rule}" for name, _, rule in _RULES])
def test_a_changed_rule_fails_a_test(name: str, at: int, rule: str) -> None:
    assert [change for change, mutant in mutants(_ALL[name], at) if not is_found(mutant)] == [], rule


@pytest.mark.parametrize("index", range(2))
def test_an_endorsement_that_is_removed_or_looser_fails_a_test(index: int) -> None:
    policy = _ALL["default"]

    def with_one(*one: Endorsement) -> Policy:
        return policy.model_copy(update={"endorse": (*policy.endorse[:index], *one, *policy.endorse[index + 1 :])})

    own = policy.endorse[index]
    assert is_found(with_one())
    assert is_found(with_one(own.model_copy(update={"min_chars": 1, "sinks": (*own.sinks, "command")})))
    if own.marked:
        assert is_found(with_one(own.model_copy(update={"marked": False})))
    if own.after:
        assert is_found(with_one(own.model_copy(update={"min_chars": 1})))
        assert is_found(with_one(own.model_copy(update={"after": ()})))
