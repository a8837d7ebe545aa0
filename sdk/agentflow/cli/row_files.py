"""Files with a row on each line: JSON lines, and CSV with a header."""

import csv
import io
import json
from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

from agentflow.cli.errors import USAGE, CliError


class Row(NamedTuple):
    """A row, and the line where it begins, from 1."""

    line: int
    fields: dict[str, Any]


def form_of(file: str, form: str | None, known: Collection[str]) -> str:
    """Return the form of a file: the given one, else its ending. Raises ``CliError`` for one that is not known."""
    found = (form or PurePath(file).suffix.removeprefix(".")).lower()
    if found not in known:
        raise CliError(f"{file} has no ending that says what it is", "give --format jsonl or --format csv", USAGE)
    return found


def json_rows(file: str, text: str) -> Iterator[Row]:
    """Yield the rows of JSON lines; empty lines are skipped. Raises ``CliError`` that names the line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as exc:
            raise _refused(file, number, f"is not JSON: {exc}", "write one JSON object on each line") from exc
        if not isinstance(found, dict):
            raise _refused(file, number, "is not a JSON object", "write one JSON object on each line")
        yield Row(number, found)


def table_rows(file: str, text: str) -> Iterator[Row]:
    """Yield the rows of CSV, without their empty fields. Raises ``CliError`` that names the line."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(rows, [])
        if not all(header) or len(set(header)) < len(header):
            raise _refused(file, 1, "has a column twice, or without a name", "give every column a name of its own")
        end = rows.line_num
        for row in rows:
            number, end = end + 1, rows.line_num
            if row and len(row) != len(header):
                what = f"has {len(row)} fields, and the header {len(header)}"
                raise _refused(file, number, what, "give every column a field")
            if row:
                yield Row(number, {name: one for name, one in zip(header, row, strict=True) if one})
    except csv.Error as exc:
        fix = "quote fields that have quotes or line breaks"
        raise _refused(file, rows.line_num, f"is no CSV: {exc}", fix) from exc


def _refused(file: str, line: int, what: str, fix: str) -> CliError:
    return CliError(f"{file} line {line} {what}", fix, USAGE)
