"""The packs about privacy: each of their rules is needed by one of their tests."""

import pytest

from schemas.policies.document import Policy
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests
from schemas.privacy.document import Privacy

NAMES = ("privacy-basic", "privacy-strict")


def section_of(name: str) -> tuple[Policy, Privacy]:
    policy = read_policy(PACKS[name])
    assert policy.privacy is not None
    return policy, policy.privacy


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_passes_its_tests_which_reach_every_rule(name: str) -> None:
    report = run_tests(section_of(name)[0])
    assert ([one.line for one in report.failed], report.untested) == ([], [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["redact", "influence"])
def test_a_rule_that_is_removed_fails_a_test(name: str, part: str) -> None:
    policy, section = section_of(name)
    for rule in getattr(section, part):
        left = tuple(one for one in getattr(section, part) if one is not rule)
        weaker = policy.model_copy(update={"privacy": section.model_copy(update={part: left})})
        assert run_tests(weaker).failed, rule.id


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_that_is_weaker_fails_a_test(name: str) -> None:
    policy, section = section_of(name)
    for rule in section.redact:
        kept = tuple(one.model_copy(update={"action": "keep"}) if one is rule else one for one in section.redact)
        weaker = policy.model_copy(update={"privacy": section.model_copy(update={"redact": kept})})
        assert run_tests(weaker).failed, rule.id


def test_a_pack_is_taken_in_with_exceptions_before_it() -> None:
    keep = {"id": "ours", "kinds": ["email"], "action": "keep", "at": ["provider"], "workflows": ["newsletter"]}
    own = {"redact": [keep], "restore": {"readers": [{"id": "admins", "when": "'admin' in reader.permissions"}]}}
    policy = read_policy({"name": "a", "extends": ["privacy-basic"], "effects": "allow", "privacy": own})
    assert policy.privacy is not None
    packs = [f"privacy-basic/{name}" for name in ("secrets", "people", "steered")]
    assert policy.privacy.ids == ["ours", *packs[:2], "admins", packs[2]]
    facts = {"kind": "email", "where": "provider"}
    kept = {"name": "kept", "at": "privacy", "expect": "allow", "rules": ["ours"]}
    taken = {"name": "taken", "at": "privacy", "expect": "redact", "rules": [packs[1]], "facts": facts}
    tests = [{**kept, "facts": {**facts, "workflow": "newsletter"}}, taken]
    assert run_tests(read_policy(policy.document | {"tests": tests})).failed == []
