"""Reports of evidence: what they state, and that nothing in them can be changed, taken out or added unnoticed."""

import copy
import json
from typing import Any

import pytest

from bench.privacy.compliance.tamperings import TAMPERINGS, statement
from schemas.audit.notes import SigningKey
from schemas.compliance.page import NotAPage, page_of, report_in
from schemas.compliance.report import verify_report
from schemas.compliance.statements import Period
from tests.support.audit import AT_MS, KEY
from tests.support.evidence import MONTH, MemoryLog, activated, decided, event, month

KEYS = [KEY.public]
OTHER = SigningKey("example.test/audit", bytes(range(1, 33)))


def numbers(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {one["id"]: one["numbers"] for one in report["statements"]}


def findings(report: dict[str, Any]) -> list[str]:
    return [one.what for one in verify_report(report, KEYS)[1]]


def test_every_sort_of_entry_is_counted_in_its_statement() -> None:
    found = numbers(month().report(MONTH))
    assert found["log"] == {"entries": 21, "removed": 0}
    assert found["policies"] == {"changes": 2, "versions": 0}
    assert found["rules"] == {
        "matched": 9,
        "denied": 3,
        "asked": 1,
        "approved": 1,
        "redacted": 1,
        "routed": 1,
        "allowed": 1,
        "recorded": 0,
        "shadow": 1,
        "undecided": 1,
    }
    assert found["demands"] == {"denied": 1, "routed": 1, "shadow": 0}
    assert found["exceptions"] == {"approved": 1, "shadow": 1}
    assert found["approvals"] == {"approved": 1, "refused": 1}
    assert found["refusals"] == {"requests": 7}
    assert found["erasures"] == {"requested": 0, "erased": 1}
    assert found["redactions"] == {"redactions": 1}
    assert found["readers"] == {"answers": 0, "withheld": 1, "revealed": 1}
    assert found["keys"] == {"done": 2, "failed": 1}
    assert found["facts"] == {"done": 1, "failed": 0}
    assert found["administration"]["failed"] == 1


def test_a_report_is_intact_and_names_its_entries() -> None:
    report = json.loads(json.dumps(month().report(MONTH)))
    assert findings(report) == []
    assert report["organisation"] == "acme"
    (row,) = next(one for one in report["statements"] if one["id"] == "erasures")["rows"]
    assert (row["entries"], row["subject"]) == ([12], "sub_1")


def test_the_policy_of_before_the_period_is_shown_with_a_proof() -> None:
    log = MemoryLog([activated(0), *(event(n) for n in range(1, 9)), decided(9, "mine")])
    report = log.report(Period(AT_MS + 5, AT_MS + 10), first=5)
    rows = next(one for one in report["statements"] if one["id"] == "policies")["rows"]
    assert [(row["what"], row["policy"], row["entries"]) for row in rows] == [
        ("in force at the beginning", "ours@1", [0])
    ]
    assert findings(report) == []
    assert numbers(report)["log"]["entries"] == 5


def test_entries_of_other_times_are_evidence_and_not_counted() -> None:
    log = MemoryLog([event(1), event(90), event(2)])
    report = log.report(Period(AT_MS, AT_MS + 50))
    assert numbers(report)["log"] == {"entries": 2, "removed": 0}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 33])
@pytest.mark.parametrize("share", [0, 1, 3])
def test_a_part_of_a_log_of_any_size_is_proven(size: int, share: int) -> None:
    log = MemoryLog(event(n) for n in range(size))
    first = size * share // 4
    report = log.report(Period(AT_MS + first, AT_MS + size), first=first)
    assert findings(report) == []
    assert numbers(report)["log"]["entries"] == size - first


def test_what_retention_removed_is_said_and_still_proven() -> None:
    log = month()
    head = json.dumps({"removed": _head(log, 20)}, separators=(",", ":")).encode()
    log.lines[20] = head
    report = log.report(MONTH)
    assert numbers(report)["log"] == {"entries": 20, "removed": 1}
    assert findings(report) == []


def _head(log: MemoryLog, index: int) -> dict[str, Any]:
    from hashlib import sha256

    one = log.events[index]
    return {"index": index, "kind": one.kind, "at_ms": one.at_ms, "sha256": sha256(log.lines[index]).hexdigest()}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_report_that_was_changed_is_found(name: str) -> None:
    report = json.loads(json.dumps(month().report(MONTH)))
    before = copy.deepcopy(report)
    TAMPERINGS[name](report)
    assert report != before or name == "a count as true"
    assert findings(report), name
    page = page_of(before).replace(">21 entries", ">20 entries") if name == "log" else ""
    assert not page or page_of(report_in(page)) != page


def test_there_are_fifty_ways_to_change_a_report() -> None:
    assert len(TAMPERINGS) >= 50


def test_a_report_of_another_key_is_found() -> None:
    forged = MemoryLog(month().events, OTHER).report(MONTH)
    assert findings(forged) == ["signature"]


def test_the_policy_of_before_cannot_be_left_out() -> None:
    log = MemoryLog([activated(0), *(event(n) for n in range(1, 9))])
    report = log.report(Period(AT_MS + 5, AT_MS + 9), first=5)
    report["evidence"]["earlier"] = []
    shown = statement(report, "policies")
    shown["rows"], shown["says"] = [], shown["says"].replace("ours@1 was in force before it", "no activation is known")
    assert "request" in findings(report)


def test_a_log_that_was_not_signed_for_until_the_end_is_said() -> None:
    log = month()
    report = log.report(MONTH)
    report["evidence"]["after"] = log.note(21, MONTH.to_ms - 1)
    assert "period" in findings(report)


@pytest.mark.parametrize("junk", [{}, {"report": 1}, {"report": 1, "evidence": 3}, {"report": "1"}])
def test_what_is_no_report_is_said_and_nothing_breaks(junk: dict[str, Any]) -> None:
    assert findings(junk) == ["form"]


def test_a_page_shows_the_report_escaped_and_carries_it() -> None:
    log = month()
    log.add(event(21, action="subject_erased", subject="</script><script>alert(1)</script>&amp;", at_ms=AT_MS + 20))
    report = log.report(MONTH)
    page = page_of(report)
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script") == 1
    assert report_in(page) == report
    assert page_of(report_in(page)) == page
    for text in ("src=", "http:", "url(", "@import", "onload"):
        assert text not in page.partition('<script type="application/json"')[0]


def test_a_number_that_was_changed_on_a_page_is_found() -> None:
    page = page_of(month().report(MONTH))
    changed = page.replace("People said yes 1 times", "People said yes 2 times", 1)
    assert changed != page
    assert page_of(report_in(changed)) != changed


@pytest.mark.parametrize("text", ["", "<p>", '<script type="application/json" id="report">{</script>'])
def test_a_text_without_a_report_is_no_page(text: str) -> None:
    with pytest.raises(NotAPage):
        report_in(text)
