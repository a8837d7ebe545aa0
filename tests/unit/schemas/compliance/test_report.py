"""Reports of evidence: what they state, and that nothing in them can be changed, taken out or added unnoticed."""

import base64
import copy
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

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
        "matched": 8,
        "denied": 3,
        "asked": 1,
        "approved": 1,
        "redacted": 1,
        "routed": 1,
        "allowed": 0,
        "recorded": 0,
        "shadow": 1,
        "undecided": 1,
    }
    assert found["demands"] == {"denied": 1, "routed": 1, "shadow": 0}
    assert found["exceptions"] == {"approved": 1, "shadow": 1}
    assert found["approvals"] == {"approved": 1, "refused": 1}
    assert found["refusals"] == {"requests": 7}
    assert found["erasures"] == {"done": 1, "failed": 0}
    assert found["redactions"] == {"redactions": 1}
    assert found["readers"] == {"answers": 0, "withheld": 1, "revealed": 3}
    assert found["keys"] == {"done": 2, "failed": 1}
    assert found["facts"] == {"done": 1, "failed": 0}
    assert found["administration"]["failed"] == 1


def test_a_report_is_intact_and_names_its_entries() -> None:
    report = json.loads(json.dumps(month().report(MONTH)))
    assert findings(report) == []
    assert report["organisation"] == "acme"
    (row,) = next(one for one in report["statements"] if one["id"] == "erasures")["rows"]
    assert (row["entries"], row["subject"]) == ([12], "subjects/sub_1/erase")


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


Change = Callable[[dict[str, Any]], None]


def lines(report: dict[str, Any], change: Callable[[list[bytes]], None]) -> None:
    """Change the entries of a report and pack them again."""
    evidence = report["evidence"]
    found = zlib.decompress(base64.b64decode(evidence["lines"])).split(b"\n")[:-1]
    change(found)
    evidence["lines"] = base64.b64encode(zlib.compress(b"".join(one + b"\n" for one in found))).decode()


def statement(report: dict[str, Any], id_: str) -> dict[str, Any]:
    return next(one for one in report["statements"] if one["id"] == id_)


def _at(id_: str, field: str, value: Any) -> Change:
    return lambda report: statement(report, id_).__setitem__(field, value)


def _number(id_: str, name: str, value: Any) -> Change:
    return lambda report: statement(report, id_)["numbers"].__setitem__(name, value)


def _row(id_: str, name: str, value: Any) -> Change:
    return lambda report: statement(report, id_)["rows"][0].__setitem__(name, value)


def _lines(change: Callable[[list[bytes]], Any]) -> Change:
    return lambda report: lines(report, lambda found: change(found) and None)


def _evidence(name: str, value: Any) -> Change:
    return lambda report: report["evidence"].__setitem__(name, value)


#: Fifty ways to change a report. Each must be found.
TAMPERINGS: dict[str, Change] = {
    **{
        f"a number of {id_}": _number(id_, name, 0 if id_ != "exceptions" else 9)
        for id_, name in (
            ("log", "entries"),
            ("policies", "changes"),
            ("rules", "denied"),
            ("rules", "matched"),
            ("demands", "routed"),
            ("exceptions", "shadow"),
            ("approvals", "approved"),
            ("refusals", "requests"),
            ("erasures", "done"),
            ("redactions", "redactions"),
            ("readers", "revealed"),
            ("keys", "done"),
            ("facts", "done"),
            ("administration", "acts"),
        )
    },
    **{
        f"the text of {id_}": _at(id_, "says", "Nothing happened.")
        for id_ in ("log", "policies", "rules", "erasures", "readers")
    },
    **{
        f"{id_} is taken out": lambda report, id_=id_: report["statements"].remove(statement(report, id_))
        for id_ in ("demands", "exceptions", "erasures", "refusals", "readers")
    },
    **{f"rows of {id_} are taken out": _at(id_, "rows", []) for id_ in ("rules", "policies", "keys")},
    "the actor of a row": _row("keys", "actor", "key:other"),
    "the subject of an erasure": _row("erasures", "subject", "subjects/sub_2/erase"),
    "the time of a change": _row("policies", "at_ms", AT_MS + 5),
    "the entry of a row": _row("erasures", "entries", [11]),
    "an entry more of a row": _row("demands", "of", 3),
    "a count as true": _number("erasures", "done", True),
    "a title": _at("exceptions", "title", "Exceptions: none"),
    "two statements change places": lambda report: report["statements"].reverse(),
    "a statement twice": lambda report: report["statements"].append(report["statements"][0]),
    "another organisation": lambda report: report.__setitem__("organisation", "other"),
    "a shorter period": lambda report: report["period"].__setitem__("to_ms", MONTH.to_ms - 5),
    "another text of the period": lambda report: report["period"].__setitem__("from", "2020-01-01T00:00:00.000Z"),
    "a longer period": lambda report: report["period"].__setitem__("from_ms", MONTH.from_ms - 5),
    "a control": lambda report: report["controls"].pop(),
    "the root": lambda report: report["log"].__setitem__("to_root", "00" * 32),
    "an entry is taken out": _lines(lambda found: found.pop(3)),
    "the last entry is taken out": _lines(lambda found: found.pop()),
    "an entry is doubled": _lines(lambda found: found.insert(3, found[3])),
    "entries change places": _lines(lambda found: found.reverse()),
    "a letter of an entry": _lines(lambda found: found.__setitem__(12, found[12].replace(b"sub_1", b"sub_2"))),
    "a verdict of an entry": _lines(lambda found: found.__setitem__(2, found[2].replace(b'"deny"', b'"allow"'))),
    "an entry is said to be over": _lines(
        lambda found: found.__setitem__(2, b'{"removed":{"index":2,"kind":"decisions","at_ms":1,"sha256":""}}')
    ),
    "no entries": _evidence("lines", base64.b64encode(zlib.compress(b"")).decode()),
    "entries that are no base64": _evidence("lines", "%%%"),
    "no request": _evidence("request", {"index": 0, "line": "{}", "hashes": []}),
    "a field more": lambda report: report.__setitem__("note", "checked"),
    "no evidence": lambda report: report.pop("evidence"),
    "another form": lambda report: report.__setitem__("report", 2),
    "a consistency that is cut": lambda report: report["evidence"]["consistency"].clear(),
    "a checkpoint that is not signed": lambda report: report["evidence"].__setitem__(
        "after", report["evidence"]["after"].replace("\n21\n", "\n20\n")
    ),
}


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
    log.add(event(21, action="erase_subject", subject="</script><script>alert(1)</script>&amp;", at_ms=AT_MS + 20))
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
