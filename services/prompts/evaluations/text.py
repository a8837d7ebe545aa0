"""A report as text: for a terminal, and as Markdown for a comment on a change."""

import re
from collections.abc import Sequence

from schemas.prompts.evaluations import Report
from services.prompts.evaluations.tables import Table, headline, plain, tables_of

#: A terminal shows this many rows of a table; Markdown and HTML have all.
MOST_ROWS = 20
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|!&~@:])")


def text_of_report(report: Report) -> str:
    """Return a report for a terminal: its tables, aligned by white space."""
    return "\n".join([plain(headline(report)), *(_aligned(table) for table in tables_of(report))]) + "\n"


def markdown_of_report(report: Report) -> str:
    """Return a report as Markdown. What names and notes hold is text, not markup."""
    return "\n".join([f"**{_escaped(headline(report))}**", *(_piped(table) for table in tables_of(report))]) + "\n"


def _aligned(table: Table) -> str:
    rows = [[plain(cell) for cell in row] for row in (table.head, *table.rows[:MOST_ROWS])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_joined(row, widths) for row in rows]
    if len(table.rows) > MOST_ROWS:
        lines.append(f"and {len(table.rows) - MOST_ROWS} more; the HTML report has all")
    return "\n".join(["", plain(table.title), *(f"  {line}" for line in lines)])


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _piped(table: Table) -> str:
    rows = [table.head, ["---"] * len(table.head), *table.rows]
    lines = ["| " + " | ".join(cell if cell == "---" else _escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(["", f"### {_escaped(table.title)}", "", *lines])


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", plain(text))
