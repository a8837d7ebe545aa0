"""Tables as text: aligned columns on a pipe, and by rich on a terminal where rich is installed."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import IO

from agentflow.cli.columns import Column, Document

_GAP = "  "
#: States that a terminal shows in colour.
_STYLES = {
    "succeeded": "green",
    "ready": "green",
    "ok": "green",
    "live": "green",
    "failed": "red",
    "error": "red",
    "lost": "red",
    "not ready": "red",
    "exhausted": "red",
    "canceled": "yellow",
    "degraded": "yellow",
    "paused": "yellow",
    "running": "cyan",
}


def lines(columns: Sequence[Column], rows: Sequence[Document]) -> list[str]:
    """Return aligned lines with a header."""
    cells = [[column.title for column in columns], *([column.cell(row) for column in columns] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return [
        _GAP.join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in cells
    ]


def pairs(columns: Sequence[Column], document: Document) -> list[str]:
    """Return one document as lines of a title and a value; what is empty is left out."""
    found = [(column.title.lower(), column.cell(document)) for column in columns]
    width = max((len(title) for title, cell in found if cell), default=0)
    return [f"{title.ljust(width)}{_GAP}{cell}" for title, cell in found if cell]


def on_terminal(columns: Sequence[Column], rows: Sequence[Document], out: IO[str], *, colour: bool) -> bool:
    """Write the table by rich; return whether that was possible."""
    if find_spec("rich") is None:
        return False
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold" if colour else "", pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        cells = [column.cell(row) for column in columns]
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "") if colour else "") for cell in cells))
    Console(file=out, no_color=not colour, highlight=False).print(table)
    return True
