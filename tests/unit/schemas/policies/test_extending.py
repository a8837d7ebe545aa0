"""Packs in a document: taken in when it is read, and never changed by a later one."""

import pytest

from schemas.errors import InvalidInput
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests

_OWN = """
name: own
extends: [default, providers]
values: {providers: {secret: [local]}}
rules: [{id: last, at: output, verdict: deny}]
"""


def test_rules_of_packs_come_first_and_once_and_values_are_the_documents() -> None:
    policy = read_policy(_OWN)
    ids = [rule.id for rule in policy.rules]
    assert len(set(ids)) == len(ids)
    assert (ids[0], ids[1], ids[-1]) == ("providers/class", "default/recipient", "last")
    assert policy.values["providers"] == {"secret": ["local"]}
    assert policy.values["private"] == ["pii", "secret", "health", "card"]
    assert (policy.extends, policy.tests) == ((), ())
    assert policy.endorse
    assert read_policy(policy.document) == policy


def test_rules_of_packs_are_left_out_by_name() -> None:
    policy = read_policy(_OWN + "without: [default/new_link]\n")
    assert len(policy.rules) == len(read_policy(_OWN).rules) - 1
    assert "default/new_link" not in {rule.id for rule in policy.rules}


def test_a_pack_does_not_loosen_what_the_document_says_of_effects() -> None:
    assert read_policy("name: own\nextends: [providers]").effects == "deny"


def test_a_test_may_expect_a_rule_of_a_pack() -> None:
    text = """
name: own
extends: [default]
tests:
  - {name: a, at: tool_call, expect: deny, rules: [default/undeclared], facts: {tool: x, control: web}}
  - {name: b, at: tool_call, expect: allow, rules: [default/path], facts: {tool: x}}
"""
    report = run_tests(read_policy(text))
    assert [one.name for one in report.failed] == ["b"]
    assert report.failed[0].line.startswith("b: rule default/path did not match; matched: default/allowed (allow")
    assert "default/path" in report.untested
    assert "default/undeclared" not in report.untested


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: x\nextends: [defualt]",
            f"extends[0]: there is no pack 'defualt'; packs are {', '.join(sorted(PACKS))}",
        ),
        ("name: x\nwithout: [default/url]", "without: there is no pack"),
        ("name: x\nextends: [default]\nwithout: [default/uri]", "without: no pack has the rule 'default/uri'"),
        (
            "name: x\nextends: [default]\nrules: [{id: default/url, at: output, verdict: deny}]",
            "rules[0].id: 'default/url'",
        ),
    ],
)
def test_problems(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_policy(text)
    assert said in str(caught.value)
