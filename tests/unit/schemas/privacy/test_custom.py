"""An organisation's own rules: what is accepted, and what the refusals say."""

import re

import pytest
from pydantic import ValidationError

from schemas.privacy.custom import MAX_CUSTOM_RULES, CustomRule, check_together, fault_of


def rule(**fields: object) -> CustomRule:
    return CustomRule.model_validate({"id": "badge", "kind": "badge", "pattern": r"EMP-\d{6}", **fields})


def test_a_rule_has_the_class_of_its_kind_or_its_own() -> None:
    assert rule().of_class == "pii"
    assert rule(kind="api_key").of_class == "secret"
    assert rule(data_class="staff").of_class == "staff"


@pytest.mark.parametrize(
    "pattern", [r"EMP-\d{6}", r"(?i)\bproject (atlas|orion)\b", r"\p{Lu}\d{4,8}", r"[{]9{1,32}", r"a\{99\}"]
)
def test_patterns_of_re2_are_accepted(pattern: str) -> None:
    assert fault_of(pattern) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pattern": r"(?<=x)y"}, "lookaround"),
        ({"pattern": r"(a)\1"}, "syntax of RE2"),
        ({"pattern": r"a("}, "missing )"),
        ({"pattern": r"x\w{2,80}y"}, "repeats something 80 times"),
        ({"pattern": r"xx(?:\p{L}{30}){5}"}, "too large"),
        ({"pattern": r"(?:ab)*"}, "empty text"),
        ({"pattern": r"\w+"}, "single letters"),
        ({"pattern": r"."}, "single letters"),
        ({"group": 1}, "0 groups"),
        ({"pattern": "x" * 501}, "500 characters"),
        ({"near": ["Badge"]}, "lower case"),
        ({"near": ["b*dge"]}, "at its end only"),
        ({"confidence": 0}, "greater than 0"),
        ({"confidence": 1.5}, "less than or equal to 1"),
        ({"kind": "Badge"}, "pattern"),
        ({"kind": "email", "data_class": "staff"}, "leave `data_class` out"),
        ({"wordz": ["x"]}, "Extra inputs"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_a_fix(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        rule(**fields)


def test_rules_are_checked_together() -> None:
    assert check_together([rule(), rule(id="other")]) == ""
    assert "two rules have the id 'badge'" in check_together([rule(), rule()])
    assert "at most" in check_together([rule(id=f"r{n}") for n in range(MAX_CUSTOM_RULES + 1)])
    large = [rule(id=f"r{n}", pattern=rf"x{n}\p{{L}}+ \p{{L}}+ \p{{L}}+ \p{{L}}+") for n in range(20)]
    assert "too large together" in check_together(large)
