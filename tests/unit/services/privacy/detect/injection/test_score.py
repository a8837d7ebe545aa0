import pytest

from schemas.privacy.findings import Finding
from services.privacy.detect.injection.score import injection_score


def sign(rule: str, confidence: float, data_class: str = "injection") -> Finding:
    return Finding(kind="injection", data_class=data_class, start=0, end=4, confidence=confidence, rule=rule)


def test_no_sign_scores_nothing():
    assert injection_score([]) == 0


def test_independent_signs_add_up():
    assert injection_score([sign("a", 0.5), sign("b", 0.5)]) == pytest.approx(0.75)


def test_the_same_rule_counts_once_with_its_surest():
    assert injection_score([sign("a", 0.4), sign("a", 0.6)]) == pytest.approx(0.6)


def test_other_classes_do_not_count():
    assert injection_score([sign("a", 0.9, "secret")]) == 0
