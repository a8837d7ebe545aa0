"""The cases of a dataset, read from a body: JSON lines, CSV, or JSON. Every bad row is named by its line.

A row of JSON lines is an object with ``inputs`` and, where wanted, ``id``, ``expected``, ``tags``, ``cluster`` and
``labels``: by path, how far its values are to be trusted (``{"$.inputs.text": "web"}``). A table has a column for each
input; ``id``, ``expected``, ``tags`` (separated by ``;``) and ``cluster`` are such fields. A case without an id is
named by its place, from 1.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from schemas.errors import AgentFlowError, BadRecord, BadValue, InvalidInput, Problem, Undecodable
from schemas.labels.label import UNLABELLED, label_of
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.prompts.evaluations import Case
from schemas.values.json_text import read_json
from schemas.values.text import text_fault

MAX_CASES = 10_000
MAX_PROBLEMS = 100
MAX_NAME_CHARS = 256
_OWN = ("id", "expected", "tags", "cluster")
_FIELDS = frozenset({"inputs", "labels", *_OWN})
_FIX = "a case has inputs, and may have id, expected, tags, cluster and labels"
_LABELS_FIX = 'labels are words by path, such as {"$.inputs.text": "web class:pii"}'
_MOST = Problem("", f"there are more than {MAX_CASES} cases", "split the dataset")

Row = tuple[str, Any]
"""Where a row is (``line 3``), and what it says, or the problem that keeps it from being read."""


def read_lines(body: bytes) -> list[Case]:
    """Return the cases of JSON lines; empty lines are skipped. Raises ``InvalidInput``."""
    return _cases(_json_rows(body))


def read_table(body: bytes) -> list[Case]:
    """Return the cases of a CSV table with a header. Raises ``InvalidInput``."""
    return _cases(_table_rows(_text(body)))


def read_cases(rows: Iterable[Any]) -> list[Case]:
    """Return the cases of objects, as they come in a JSON body. Raises ``InvalidInput``."""
    return _cases((f"cases[{at}]", row) for at, row in enumerate(rows))


def from_source(cases: Sequence[Case], source: str) -> list[Case]:
    """Return cases of which all values come from a source with these labels, such as ``web class:pii``.

    What a case says of itself only makes it stricter. Raises ``InvalidInput``.
    """
    try:
        label = label_of(source.split())
    except BadRecord as exc:
        raise InvalidInput.of(Problem("query.source", str(exc), "write web, third_party class:pii, …")) from exc
    return [replace(case, labels=_own(case.labels).raised(label).recorded) for case in cases]


def from_columns(cases: Sequence[Case], columns: str, source: str = "") -> list[Case]:
    """Return cases whose values come from a source for each column: a JSON object, ``{"text": "web class:pii"}``.

    A column is an input, or ``expected``. All else has the labels of ``source``, and without one is trusted least. What
    a case says of itself only makes it stricter. Raises ``InvalidInput``.
    """
    try:
        said = read_json(columns.encode())
        if not isinstance(said, dict) or not all(isinstance(words, str) for words in said.values()):
            raise _columns("is no object of labels")
        places = {ROOT: label_of(source.split()) if source else UNLABELLED}
        places |= {_place(name): label_of(words.split()) for name, words in said.items()}
    except (BadValue, Undecodable, BadRecord) as exc:
        raise _columns(str(exc)) from exc
    known = {"expected"}.union(*(case.inputs for case in cases))
    if unknown := sorted(said.keys() - known):
        raise _columns(f"names {unknown[0]!r}, which no case has")
    labels = Labels(places)
    return [replace(case, labels=_own(case.labels).join(labels).recorded) for case in cases]


def _place(column: str) -> Path:
    return ("expected",) if column == "expected" else ("inputs", column)


def _columns(what: str) -> InvalidInput:
    return InvalidInput.of(Problem("query.columns", what, 'write {"text": "web class:pii"}, by the names of inputs'))


def chosen_of(cases: Sequence[Case], only: Sequence[str]) -> list[Case]:
    """Return the cases with these ids, in the dataset's order; all without ids.

    Raises ``InvalidInput`` for an id that no case has.
    """
    if not only:
        return list(cases)
    wanted = set(only)
    if unknown := sorted(wanted - {case.id for case in cases}):
        what = f"has {unknown[0]!r}, which is no case"
        raise InvalidInput.of(Problem("body.only", what, "name cases of the dataset"))
    return [case for case in cases if case.id in wanted]


def _json_rows(body: bytes) -> Iterator[Row]:
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        at = f"line {number}"
        try:
            yield at, read_json(line)
        except BadValue as exc:
            yield at, exc.problem
        except Undecodable as exc:
            yield at, Problem("", str(exc), "write one JSON object on each line")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _refused([Problem(f"byte {exc.start}", "is not UTF-8", "save the file as UTF-8")]) from exc


def _table_rows(text: str) -> Iterator[Row]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(rows, [])
        if problem := _header_problem(header):
            raise _refused([problem])
        end = rows.line_num
        for row in rows:
            at, end = f"line {end + 1}", rows.line_num
            if row:
                yield at, _table_row(header, row)
    except csv.Error as exc:
        yield f"line {rows.line_num}", Problem("", f"is no CSV: {exc}", "quote fields that have quotes or line breaks")


def _header_problem(header: list[str]) -> Problem | None:
    if not any(name not in _OWN for name in header):
        return Problem("line 1", "has no column for an input", "begin with a line that names the columns")
    twice = next((name for name in header if not name or header.count(name) > 1), None)
    return (
        None if twice is None else Problem("line 1", f"has the column '{twice}' twice, or without a name", "rename it")
    )


def _table_row(header: list[str], row: list[str]) -> Mapping[str, Any] | Problem:
    if len(row) != len(header):
        return Problem("", f"has {len(row)} fields, and the header {len(header)}", "give every column a field")
    if fault := next(filter(None, map(text_fault, row)), ""):
        return Problem("", f"has {fault}", "remove it")
    fields = dict(zip(header, row, strict=True))
    case: dict[str, Any] = {"inputs": {name: text for name, text in fields.items() if name not in _OWN}}
    case |= {name: fields[name] for name in ("id", "cluster") if fields.get(name)}
    if "expected" in fields:
        case["expected"] = fields["expected"]
    if fields.get("tags"):
        case["tags"] = [tag.strip() for tag in fields["tags"].split(";") if tag.strip()]
    return case


def _cases(rows: Iterable[Row]) -> list[Case]:
    cases: list[Case] = []
    problems: list[Problem] = []
    lines: dict[str, str] = {}
    for at, row in rows:
        if len(cases) >= MAX_CASES:
            raise _refused([_MOST])
        found = _case(at, row, len(cases) + len(problems) + 1)
        if isinstance(found, Case) and (first := lines.setdefault(found.id, at)) != at:
            found = [Problem(at, f"has the id '{found.id}' of {first}", "give every case an id of its own")]
        if isinstance(found, Case):
            cases.append(found)
        else:
            problems += found
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise _refused(problems[:MAX_PROBLEMS])
    if not cases:
        raise _refused([Problem("", "there is no case", "send at least one")])
    return cases


def _case(at: str, row: Any, number: int) -> Case | list[Problem]:
    if isinstance(row, Problem):
        return [Problem(f"{at} {row.path}".strip(), row.message, row.fix)]
    if not isinstance(row, Mapping):
        return [Problem(at, "is no object", 'write an object such as {"inputs": {"question": "..."}}')]
    if problems := list(_field_problems(at, row)):
        return problems
    try:
        labels = _labels(row["labels"]) if "labels" in row else {}
    except AgentFlowError as exc:
        return [Problem(f"{at} labels", str(exc), _LABELS_FIX)]
    try:
        return msgspec.convert({"id": str(number), **row, "labels": labels}, Case)
    except msgspec.ValidationError as exc:
        said, _, place = str(exc).partition(" - at ")
        field = place.strip("`").removeprefix("$").removeprefix(".")
        return [Problem(f"{at} {field}".strip(), said, _FIX)]


def _labels(said: Any) -> dict[str, list[str]]:
    """Return the labels that a case says of itself. Raises ``AgentFlowError`` for what are none."""
    if not isinstance(said, Mapping):
        raise InvalidInput("they are no object")
    words = {path: one.split() if isinstance(one, str) else one for path, one in said.items()}
    if not all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in words.values()):
        raise InvalidInput("they are no words")
    return _own(words).recorded if words else {}


def _own(words: Mapping[str, list[str]]) -> Labels:
    """Return labels by path, where what is not named says nothing."""
    return Labels.read({"$": ["trusted"]} | dict(words))


def _field_problems(at: str, row: Mapping[str, Any]) -> Iterator[Problem]:
    if "inputs" not in row:
        yield Problem(f"{at} inputs", "is missing", _FIX)
    yield from (Problem(f"{at} {name}", "is no field of a case", _FIX) for name in row if name not in _FIELDS)
    for name in ("id", "cluster"):
        if isinstance(text := row.get(name), str) and not len(text) <= MAX_NAME_CHARS:
            yield Problem(f"{at} {name}", f"has {len(text)} characters", f"use {MAX_NAME_CHARS} at most")
    if row.get("id") == "":
        yield Problem(f"{at} id", "is empty", "leave it out, or give every case an id of its own")


def _refused(problems: list[Problem]) -> InvalidInput:
    return InvalidInput.of(*problems, shown=3)
