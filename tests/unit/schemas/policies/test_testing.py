"""Tests in policies: what passes, what fails, and facts that are wrong."""

import pytest

from schemas.errors import InvalidInput
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests

_POLICY = """
name: p
mode: shadow
tools: {send: {effects: true, sinks: {to: recipient}}}
rules:
  - {id: to, at: tool_call, when: "!args.to.trusted", verdict: deny, reason: who gets it}
  - {id: yes, at: tool_call, verdict: allow}
  - {id: long, at: output, when: output.value.size() > 3, verdict: deny, mode: shadow}
  - {id: never, at: read, when: reader.id == 'x', verdict: deny}
tests:
"""


def test_a_policy_in_shadow_mode_is_tested_as_if_it_were_enforced() -> None:
    report = run_tests(
        read_policy(
            _POLICY
            + """
  - {name: web, at: tool_call, expect: deny, rules: [to], facts: {tool: send, args: {to: a}, labels: {$.to: web}}}
  - {name: own, at: tool_call, expect: allow, rules: [yes], facts: {tool: send, args: {to: a}}}
  - {name: long, at: output, expect: deny, facts: {value: long one}}
"""
        )
    )
    assert report.failed == []
    assert report.untested == ["never"]
    assert report.document["passed"] == 3
    assert report.document["tests"][0]["rules"] == ["to", "yes"]


def test_a_test_that_fails_says_in_one_line_what_was_said_and_by_which_rules() -> None:
    text = "  - {name: wrong, at: tool_call, expect: allow, facts: {tool: send, args: {to: a}, labels: {$.to: web}}}\n"
    (failed,) = run_tests(read_policy(_POLICY + text)).failed
    assert failed.line == "wrong: expected allow, got deny; matched: to (deny, who gets it); yes (allow)"


def test_an_error_is_shown_as_one() -> None:
    text = "  - {name: none, at: tool_call, expect: allow, facts: {tool: send}}\n"
    (failed,) = run_tests(read_policy(_POLICY + text)).failed
    assert 'to (deny, error: Key not found in map : "to")' in failed.line


@pytest.mark.parametrize(
    ("test", "path", "said"),
    [
        ("at: tool_call, facts: {tool: send, arg: {}}", ".facts.arg", "is no fact of tool_call"),
        ("at: tool_call, facts: {}", ".facts.tool", "required"),
        ("at: tool_call, facts: {tool: send, labels: {to: web}}", ".facts.labels", "is no path"),
        ("at: tool_call, facts: {tool: send, control: wbe}", ".facts", "unknown"),
        ("at: model_call, facts: {provider: x, retention: long}", ".facts.retention", "integer"),
        ("at: read, facts: {reader: {name: x}}", ".facts.reader", ""),
        ("at: nowhere, facts: {}", ".at", "tool_call"),
    ],
)
def test_facts_that_are_wrong_are_named_with_their_places(test: str, path: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_policy(_POLICY + f"  - {{name: t, expect: deny, {test}}}\n")
    first = caught.value.problems[0]
    assert first.path.startswith(f"tests[0]{path}")
    assert said in first.message
