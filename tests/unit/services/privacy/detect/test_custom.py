"""Rules of organisations beside the standard ones."""

from schemas.privacy.custom import CustomRule
from services.privacy.detect.custom import detectors_of
from services.privacy.detect.standard import standard_detectors

BADGE = CustomRule(id="badge", kind="badge", pattern=r"(?:^|\W)(EMP-\d{4})\b", group=1, data_class="staff")
PROJECT = CustomRule(id="project", kind="project", pattern=r"(?i)\batlas\b", near=("project*",))


def test_own_rules_are_found_beside_the_standard_ones() -> None:
    found = detectors_of("acme", [BADGE, PROJECT]).find(
        f"EMP-1234 of project Atlas, ann@example.org; {'.' * 90} an atlas of 1800"
    )
    assert [(one.kind, one.data_class, one.rule) for one in found] == [
        ("badge", "staff", "own.badge"),
        ("project", "pii", "own.project"),
        ("email", "pii", "pii.email"),
    ]


def test_one_organisation_does_not_search_with_the_rules_of_another() -> None:
    assert detectors_of("acme", [BADGE]).find("EMP-1234")
    assert detectors_of("other", [PROJECT]).find("EMP-1234") == []


def test_rules_are_compiled_once_for_each_organisation_and_list() -> None:
    assert detectors_of("acme", [BADGE]) is detectors_of("acme", [BADGE.model_copy()])
    assert detectors_of("acme", [BADGE]) is not detectors_of("acme", [BADGE, PROJECT])
    assert detectors_of("acme") is standard_detectors()
