"""The printed report: the lines, then a summary with floors, goals and the committed figures.

A line for programs is ``name value unit``; every other line begins with ``#``.
"""

from collections.abc import Mapping, Sequence

from bench.lines import Earlier, Line, show, shown
from bench.targets import GATED, TARGETS, TOLERANCE, has_regressed, verdict

HEADERS = ("name", "value", "unit", "floor", "goal", "verdict", "was", "ratio", "")


def report(lines: Sequence[Line], earlier: Mapping[str, Earlier], *, judged: bool) -> list[str]:
    """Return every line, then the summary. Figures of tiny sizes are not ``judged``."""
    printed = [show(line, earlier.get(line.name)) for line in lines]
    rows = [_row(line, earlier.get(line.name)) for line in lines if line.name in TARGETS or line.name in GATED]
    return printed + (_table(rows) if rows and judged else [])


def _row(line: Line, earlier: Earlier | None) -> tuple[str, ...]:
    target, found = TARGETS.get(line.name), verdict(line)
    return (
        line.name,
        shown(line.value),
        line.unit,
        "-" if target is None else f"{target.floor:g}",
        "-" if target is None else f"{target.goal:g}",
        "-" if found is None else found.value,
        "-" if earlier is None else shown(earlier.value),
        "-" if earlier is None or not earlier.value else f"{line.value / earlier.value:.2f}",
        f"REGRESSION: worse by more than {TOLERANCE:.0%}" if has_regressed(line, earlier) else "",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    table = [HEADERS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADERS))]
    return [
        "# " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    ]
