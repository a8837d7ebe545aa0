"""Findings that overlap, and the table of kinds."""

from schemas.privacy.findings import Finding, apart
from schemas.privacy.kinds import KINDS, REDACTED_KINDS, data_class_of


def found(start: int, end: int, confidence: float = 0.5, kind: str = "email") -> Finding:
    return Finding(kind=kind, data_class="pii", start=start, end=end, confidence=confidence, rule="r")


def test_of_findings_that_overlap_the_surer_then_the_longer_stays() -> None:
    sure, long, short, alone = found(4, 8, 0.9), found(0, 6), found(9, 12), found(20, 24)
    longer = found(9, 14)
    assert apart([short, long, alone, longer, sure]) == [sure, longer, alone]


def test_findings_side_by_side_both_stay() -> None:
    assert apart([found(5, 9), found(0, 5)]) == [found(0, 5), found(5, 9)]


def test_kinds_have_codes_of_their_own_and_at_least_seventeen_can_be_redacted() -> None:
    codes = [kind.code for kind in KINDS.values()]
    assert len(set(codes)) == len(codes)
    assert all(code.isascii() and code.isupper() for code in codes)
    assert len(REDACTED_KINDS) >= 17
    assert data_class_of("card") == "card"
    assert data_class_of("badge_of_ours") == "pii"
