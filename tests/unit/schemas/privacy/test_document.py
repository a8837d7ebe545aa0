"""The section ``privacy`` of a policy."""

from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.privacy.document import Privacy

MAILS = {"id": "mails", "kinds": ["email"], "action": "token", "at": ["log", "provider"]}


def section(**parts: Any) -> Privacy:
    found = read_policy({"name": "private", "privacy": parts}).privacy
    assert found is not None
    return found


def test_a_document_is_the_same_after_it_was_written() -> None:
    policy = read_policy({"name": "private", "privacy": {"redact": [MAILS], "limits": {"depth": 3}}})
    assert policy.document["privacy"] == {"redact": [MAILS], "limits": {"depth": 3}}
    assert read_policy(policy.document) == policy


def test_a_policy_without_the_section_keeps_its_hash() -> None:
    assert "privacy" not in read_policy({"name": "plain"}).document


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"redact": [{**MAILS, "kinds": ["mail"]}]}, "privacy.redact[0].kinds: there is no kind 'mail'"),
        ({"redact": [{**MAILS, "kinds": []}]}, "names neither `kinds` nor `classes`"),
        ({"redact": [{**MAILS, "action": "mask", "scope": "run"}]}, "only tokens have a `scope`"),
        ({"redact": [{**MAILS, "at": []}]}, "privacy.redact[0].at"),
        ({"redact": [MAILS, MAILS]}, "the id 'mails' occurs twice"),
        ({"redact": [{**MAILS, "at": ["log"], "nodes": ["a"]}]}, "leaves out inputs of runs"),
        ({"redact": [{**MAILS, "acton": "mask"}]}, "is no field of a policy"),
        ({"rules_of_ours": [{"id": "a", "kind": "ours", "pattern": "(?=a)b"}]}, "is not in the syntax of RE2"),
        ({"rules_of_ours": [{"id": "a", "kind": "ours", "pattern": "a*"}]}, "matches the empty text"),
        (
            {"rules_of_ours": [{"id": "a", "kind": "jwt", "pattern": "ab", "data_class": "pii"}]},
            "jwt is of class secret",
        ),
        ({"restore": {"readers": [{"id": "a", "when": "nobody"}]}}, "privacy.restore.readers[0].when"),
        ({"influence": [{"id": "a", "kinds": ["email"], "at": ["input"]}]}, "email is no kind of influence"),
        ({"limits": {"text_chars": 1}}, "privacy.limits.text_chars"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        section(**parts)
    assert said in str(refused.value)


def test_kinds_of_the_organisation_may_be_named() -> None:
    own = {"id": "staff", "kind": "staff_number", "pattern": r"S-\d{5}"}
    assert (
        section(rules_of_ours=[own], redact=[{**MAILS, "kinds": ["staff_number"]}]).rules_of_ours[0].of_class == "pii"
    )


def test_rules_of_packs_come_behind_those_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    packs = {
        **PACKS,
        "first": "name: first\nprivacy: {detect: {min_confidence: 0.7}, limits: {depth: 9}, redact: "
        "[{id: mails, kinds: [email], action: mask, at: [log]}, "
        "{id: keys, classes: [secret], action: drop, at: [log]}]}",
    }
    for module in ("extending", "read"):
        monkeypatch.setattr(f"schemas.policies.{module}.PACKS", packs)
    policy = read_policy({"name": "a", "extends": ["first"], "privacy": {"redact": [MAILS], "limits": {"depth": 3}}})
    assert policy.privacy is not None
    assert policy.privacy.ids == ["mails", "first/mails", "first/keys"]
    assert (policy.privacy.limits.depth, policy.privacy.detect.min_confidence) == (3, 0.7)
    left = read_policy({"name": "a", "extends": ["first"], "without": ["first/mails"]})
    assert left.privacy is not None
    assert left.privacy.ids == ["first/keys"]
    assert read_policy(policy.document) == policy
    with pytest.raises(InvalidInput, match="no pack has the rule 'first/none'"):
        read_policy({"name": "a", "extends": ["first"], "without": ["first/none"]})


@pytest.mark.parametrize(
    ("parts", "redacts"),
    [
        ({"redact": [MAILS]}, True),
        ({"redact": [MAILS], "mode": "shadow"}, False),
        ({"redact": [{**MAILS, "mode": "shadow"}]}, False),
        ({"redact": [{**MAILS, "action": "keep"}]}, False),
        ({"redact": [{**MAILS, "action": "deny", "at": ["log"]}]}, True),
        ({"redact": [{**MAILS, "at": ["provider"]}]}, False),
        ({}, False),
    ],
)
def test_outcomes_must_be_redacted_where_an_enforced_rule_takes_something_out_of_the_log(
    parts: dict[str, Any], redacts: bool
) -> None:
    assert section(**parts).redacts_log == redacts
