"""Ways to change a report of evidence, each of which must be found."""

import base64
import copy
import json
import zlib
from collections.abc import Callable
from typing import Any

from bench.privacy.compliance.logs import AT_MS, KEY, MONTH, month
from schemas.compliance.report import verify_report

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


def _out(id_: str) -> Change:
    return lambda report: report["statements"].remove(statement(report, id_))


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
            ("erasures", "erased"),
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
    **{f"{id_} is taken out": _out(id_) for id_ in ("demands", "exceptions", "erasures", "refusals", "readers")},
    **{f"rows of {id_} are taken out": _at(id_, "rows", []) for id_ in ("rules", "policies", "keys")},
    "the actor of a row": _row("keys", "actor", "key:other"),
    "the subject of an erasure": _row("erasures", "subject", "sub_2"),
    "the time of a change": _row("policies", "at_ms", AT_MS + 5),
    "the entry of a row": _row("erasures", "entries", [11]),
    "an entry more of a row": _row("demands", "of", 3),
    "a count as true": _number("erasures", "erased", True),
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


def missed() -> list[str]:
    """Return the names of the changes that are not found."""
    report = json.loads(json.dumps(month().report(MONTH)))
    found = []
    for name, change in TAMPERINGS.items():
        changed = copy.deepcopy(report)
        change(changed)
        if not verify_report(changed, [KEY.public])[1]:
            found.append(name)
    return found
