"""Assertions of promptfoo as scorers of ours, and back. An assertion without a counterpart is an error or a note."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.prompt_files.problems import Note

Json = Any
Scorer = dict[str, Any]
Asserted = Sequence[Mapping[str, Any]]
Writer = Callable[[Mapping[str, Json], Json], dict[str, Json] | None]
#: Assertions whose value is one of a case: the scorer that reads it from ``expected``.
_EXPECTED: dict[str, tuple[str, dict[str, Json]]] = {
    "equals": ("exact", {}),
    "contains": ("contains", {}),
    "contains-all": ("contains", {}),
    "contains-any": ("contains", {"match": "any"}),
    "not-contains": ("contains", {"match": "none"}),
    "icontains": ("contains", {"ignore_case": True}),
    "icontains-all": ("contains", {"ignore_case": True}),
    "icontains-any": ("contains", {"match": "any", "ignore_case": True}),
    "not-icontains": ("contains", {"match": "none", "ignore_case": True}),
    "similar": ("similarity", {}),
    "bleu": ("bleu", {}),
}
#: Assertions whose value is one of the whole evaluation.
_FIXED: dict[str, Callable[[Mapping[str, Any]], tuple[str, dict[str, Json]]]] = {
    "regex": lambda one: ("regex", {"pattern": one["value"]}),
    "not-regex": lambda one: ("regex", {"pattern": one["value"], "absent": True}),
    "starts-with": lambda one: ("regex", {"pattern": "^" + re.escape(str(one["value"]))}),
    "is-json": lambda one: ("json_schema", {"schema": one.get("value") or {}}),
    "latency": lambda one: ("latency", {"limit_ms": one["threshold"]}),
    "cost": lambda one: ("cost", {"limit_usd": one["threshold"]}),
    "llm-rubric": lambda one: ("llm_judge", {"rubric": one["value"], **_pass_grade(one.get("threshold"))}),
}
#: Judges give 1 to 5, which are the scores 0 to 1.
_BEST_GRADE = 5
_LIKENESS = frozenset({"similar", "bleu"})
_LEAST = {"similar": 0.75, "bleu": 0.5}


@dataclass
class Read:
    """What assertions became: the scorers, and what each case expects, by its place."""

    scorers: list[Scorer]
    expected: list[Json]


def read_assertions(common: Asserted, tests: Sequence[Asserted], notes: list[Note]) -> Read:
    """Return the scorers of assertions: ``common`` hold for all tests, the others for the test at their place."""
    found = Read([], [None] * len(tests))
    shared = [*common, *_in_all(tests)]
    for one in shared:
        _add_shared(found, one, notes)
    owner = ""
    for n, test in enumerate(tests):
        for one in test:
            kind = str(one.get("type"))
            if one in shared:
                continue
            if kind not in _EXPECTED:
                _refuse(kind, n, kind in _FIXED, notes)
            elif owner not in ("", kind) or found.expected[n] is not None:
                notes.append(
                    Note(f"tests[{n}].assert.{kind}", "is dropped: a case has one expected value", "keep one kind")
                )
            else:
                owner = kind
                found.expected[n] = one.get("value")
                _add(found, *_with_least(one, *_EXPECTED[kind]), one)
    return found


def _in_all(tests: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return the assertions that every test has with the same value, if there are two tests or more."""
    first = tests[0] if len(tests) > 1 else ()
    return [one for one in first if all(one in test for test in tests)]


def _add_shared(found: Read, one: Mapping[str, Any], notes: list[Note]) -> None:
    kind = str(one.get("type"))
    try:
        if kind in _FIXED:
            _add(found, *_FIXED[kind](one), one)
        elif _EXPECTED.get(kind, ("",))[0] == "contains":
            name, options = _EXPECTED[kind]
            values = one["value"] if isinstance(one["value"], list) else [one["value"]]
            _add(found, name, options | {"values": values}, one)
        elif kind in _EXPECTED and all(each is None for each in found.expected):
            found.expected = [one.get("value")] * len(found.expected)
            _add(found, *_with_least(one, *_EXPECTED[kind]), one)
        else:
            notes.append(_unknown(f"assert.{kind}"))
    except KeyError as exc:
        notes.append(Note(f"assert.{kind}", f"has no {exc.args[0]}, and is dropped", f"write its {exc.args[0]}"))


def _pass_grade(threshold: float | None) -> dict[str, Json]:
    """Return the least grade whose score reaches a threshold."""
    return {} if threshold is None else {"pass_grade": 1 + math.ceil(threshold * (_BEST_GRADE - 1))}


def _with_least(one: Mapping[str, Any], kind: str, options: Mapping[str, Json]) -> tuple[str, dict[str, Json]]:
    name = str(one["type"])
    return kind, dict(options) | ({"least": one.get("threshold", _LEAST[name])} if name in _LIKENESS else {})


def _add(found: Read, kind: str, options: dict[str, Json], one: Mapping[str, Any]) -> None:
    scorer: Scorer = {"kind": kind} | ({"options": options} if options else {})
    if one.get("weight") is not None:
        scorer["weight"] = one["weight"]
    if any({**each, "name": ""} == {**scorer, "name": ""} for each in found.scorers):
        return
    names = {each.get("name", each["kind"]) for each in found.scorers}
    name = str(one.get("metric") or kind)
    count = 2
    unique = name
    while unique in names:
        unique, count = f"{name}_{count}", count + 1
    found.scorers.append(scorer if unique == kind else {**scorer, "name": unique})


def _refuse(kind: str, n: int, is_fixed: bool, notes: list[Note]) -> None:
    if is_fixed:
        fix = "move it to defaultTest, or give every test the same"
        notes.append(Note(f"tests[{n}].assert.{kind}", "is dropped: it is one of the whole evaluation here", fix))
    else:
        notes.append(_unknown(f"tests[{n}].assert.{kind}"))


def _unknown(subject: str) -> Note:
    return Note(subject, "has no counterpart here, and is dropped", "write a scorer of your own: @scorer")


def written_assertions(scorers: Sequence[Scorer], expected: Json, notes: list[Note]) -> list[dict[str, Json]]:
    """Return the assertions of one case by its scorers and by what it expects."""
    found = []
    for scorer in scorers:
        kind, options = scorer["kind"], dict(scorer.get("options") or {})
        one = _written(kind, options, expected)
        if one is None or options.get("path"):
            notes.append(Note(f"scorer {scorer.get('name') or kind}", "has no counterpart there, and is dropped"))
            continue
        named = {"metric": scorer["name"]} if scorer.get("name") else {}
        weight = {"weight": scorer["weight"]} if scorer.get("weight") is not None else {}
        found.append({**one, **weight, **named})
    return found


def _written(kind: str, options: Mapping[str, Json], expected: Json) -> dict[str, Json] | None:
    try:
        return _WRITERS[kind](options, expected)
    except KeyError:
        # A kind that they do not have, or a scorer without an option that it needs: the server refuses that one.
        return None


def _contains(options: Mapping[str, Json], expected: Json) -> dict[str, Json] | None:
    values = options.get("values") or (expected if isinstance(expected, list) else [expected])
    kind = ("i" if options.get("ignore_case") else "") + "contains"
    match options.get("match", "all"):
        case "none":
            return {"type": f"not-{kind}", "value": values[0]} if len(values) == 1 else None
        case "any":
            return {"type": f"{kind}-any", "value": values}
    return {"type": kind, "value": values[0]} if len(values) == 1 else {"type": f"{kind}-all", "value": values}


def _regex(options: Mapping[str, Json], _: Json) -> dict[str, Json] | None:
    if options.get("ignore_case"):
        return None
    pattern = f"^(?:{options['pattern']})$" if options.get("whole") else options["pattern"]
    return {"type": "not-regex" if options.get("absent") else "regex", "value": pattern}


def _limit(kind: str, option: str) -> Writer:
    def write(options: Mapping[str, Json], _: Json) -> dict[str, Json] | None:
        return {"type": kind, "threshold": float(options[option])} if options.get(option) is not None else None

    return write


def _alike(kind: str) -> Writer:
    def write(options: Mapping[str, Json], expected: Json) -> dict[str, Json] | None:
        return {"type": kind, "value": expected} | ({"threshold": options["least"]} if "least" in options else {})

    return write


def _judge(options: Mapping[str, Json], _: Json) -> dict[str, Json] | None:
    if options.get("mode", "single") != "single":
        return None
    grade = options.get("pass_grade")
    threshold = {} if grade is None else {"threshold": (grade - 1) / (_BEST_GRADE - 1)}
    return {"type": "llm-rubric", "value": options["rubric"], **threshold}


_WRITERS: dict[str, Writer] = {
    "exact": lambda options, expected: None if options else {"type": "equals", "value": expected},
    "contains": _contains,
    "regex": _regex,
    "json_schema": lambda options, _: {"type": "is-json", "value": options["schema"]},
    "latency": _limit("latency", "limit_ms"),
    "cost": _limit("cost", "limit_usd"),
    "similarity": _alike("similar"),
    "bleu": _alike("bleu"),
    "llm_judge": _judge,
}
