"""A report of evidence for a period: statements, and what proves them. It is verified from the file and a key alone.

Verifying computes the statements again from entries that are proven to be all of the log between two checkpoints, and
compares. So a number that was changed, and a statement that was taken out, are found without asking the server.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas.audit.notes import Checkpoint, PublicKey
from schemas.audit.verifying import Finding
from schemas.compliance.controls import controls
from schemas.compliance.evidence import Evidence, Proven, Unproven, proven
from schemas.compliance.statements import Period, Statement, statements
from schemas.timestamps import format_time

#: The version of the form. Another form has other rules to compute by.
FORM: Final = 1
#: The act that makes a report. Its details have the period, and the indexes of the earlier entries.
ACTION: Final = "compliance.report"
_FIELDS: Final = ("report", "organisation", "period", "log", "statements", "controls", "evidence")
Report = dict[str, Any]


def report_of(period: Period, evidence: Evidence, shown: Proven) -> Report:
    """Return the report of a period."""
    return {
        "report": FORM,
        "organisation": organisation_of(shown.after),
        "period": _period(period),
        "log": _log(shown),
        "statements": statements(period, shown.found),
        "controls": controls(),
        "evidence": msgspec.to_builtins(evidence),
    }


def request_details(period: Period, earlier: Sequence[int]) -> dict[str, str]:
    """Return the details of the act that makes a report."""
    listed = ",".join(map(str, earlier))
    return {"from_ms": str(period.from_ms), "to_ms": str(period.to_ms), "earlier": listed}


def organisation_of(checkpoint: Checkpoint) -> str:
    """Return the organisation whose log a checkpoint is of."""
    return checkpoint.origin.rpartition("/")[2]


def verify_report(report: Mapping[str, Any], keys: Sequence[PublicKey]) -> tuple[Proven | None, list[Finding]]:
    """Return what a report's evidence shows, and what is wrong with the report. It may come from anybody."""
    if report.get("report") != FORM:
        return None, [Finding("form", f"this is no report of form {FORM}; use the version that wrote it")]
    if unknown := sorted(set(report) ^ set(_FIELDS)):
        return None, [Finding("form", f"the report has not the fields that it must have: {', '.join(unknown)}")]
    try:
        evidence = msgspec.convert(report["evidence"], Evidence)
        period = _read_period(report["period"])
        shown = proven(evidence, keys)
    except Unproven as exc:
        return None, [Finding(exc.what, str(exc))]
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, OverflowError) as exc:
        return None, [Finding("form", f"the report cannot be read: {exc}")]
    findings = [*_of_request(period, shown), *_of_period(period, shown)]
    return shown, [*findings, *_differences(report, report_of(period, evidence, shown))]


def _of_request(period: Period, shown: Proven) -> list[Finding]:
    event, earlier = shown.request.event, [one.index for one in shown.found.earlier]
    if event.action == ACTION and event.details == request_details(period, earlier):
        return []
    said = "the report was made for another period, or with other earlier entries, than its request in the log says"
    return [Finding("request", said, shown.request.index)]


def _of_period(period: Period, shown: Proven) -> list[Finding]:
    said, found = _period(period), []
    if shown.after.at_ms < period.to_ms:
        at = format_time(shown.after.at_ms)
        found.append(f"the log was signed for until {at} only, and the period ends at {said['to']}")
    if shown.before is not None and shown.before.at_ms > period.from_ms:
        at = format_time(shown.before.at_ms)
        found.append(f"the entries begin at {at}, and the period at {said['from']}")
    return [Finding("period", one) for one in found]


def _differences(report: Mapping[str, Any], expected: Report) -> list[Finding]:
    """Return what the report says otherwise than its entries show."""
    found = [
        Finding(name, f"'{name}' is not what the entries show")
        for name in ("organisation", "period", "log", "controls", "evidence")
        if _text(report[name]) != _text(expected[name])
    ]
    said = report["statements"]
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        return [*found, Finding("statements", "the statements are none")]
    if [one.get("id") for one in said] != [one["id"] for one in expected["statements"]]:
        return [*found, Finding("statements", "a statement is missing, doubled or in another place")]
    for given, shown in zip(said, expected["statements"], strict=True):
        if _text(given) != _text(shown):
            found.append(Finding(shown["id"], _difference(given, shown)))
    return found


def _difference(given: Statement, shown: Statement) -> str:
    for name in ("says", "numbers", "title"):
        if given.get(name) != shown[name]:
            return f"statement '{shown['id']}' says {given.get(name)!r}, and the entries show {shown[name]!r}"[:500]
    return f"the rows of statement '{shown['id']}' are not what the entries show"


def _text(value: object) -> str:
    """Return a value in one form: true and 1 are equal in Python, and not in a report."""
    return json.dumps(value, sort_keys=True)


def _log(shown: Proven) -> dict[str, Any]:
    before, after = shown.before, shown.after
    return {
        "origin": after.origin,
        "from": 0 if before is None else before.size,
        "from_root": "" if before is None else before.root.hex(),
        "from_at": None if before is None else format_time(before.at_ms),
        "to": after.size,
        "to_root": after.root.hex(),
        "to_at": format_time(after.at_ms),
        "request": shown.request.index,
        "newest": shown.newest.size,
        "newest_at": format_time(shown.newest.at_ms),
    }


def _period(period: Period) -> dict[str, Any]:
    first, end = format_time(period.from_ms), format_time(period.to_ms)
    return {"from": first, "to": end, "from_ms": period.from_ms, "to_ms": period.to_ms}


def _read_period(said: Mapping[str, Any]) -> Period:
    period = Period(said["from_ms"], said["to_ms"])
    if type(period.from_ms) is not int or type(period.to_ms) is not int or period.from_ms >= period.to_ms:
        raise ValueError("the period is none")
    return period
