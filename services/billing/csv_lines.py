"""Bills as CSV (RFC 4180): a header, then one line a group. Amounts are exact decimals of US dollars."""

import csv
import io
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing

from connectors.clickhouse.bill_rows import BillRow
from schemas.money import usd

SUMS = ("calls", "input_tokens", "output_tokens", "amount_usd", "presumed_usd")
#: What spreadsheets would take for a formula; names of tags and workflows are their users'.
_FORMULA = re.compile(r"^[=+\-@\t\r]")

ToCells = Callable[[BillRow], Sequence[str]]


async def lines(header: Sequence[str], blocks: AsyncGenerator[list[BillRow]], cells: ToCells) -> AsyncGenerator[bytes]:
    """Yield a table in pieces as its rows come; a table without rows is its header.

    The first piece has rows, if there are any: what keeps them from being read is raised before it.
    """
    head: list[Sequence[str]] = [header]
    async with aclosing(blocks):
        async for block in blocks:
            yield _encoded([*head, *(cells(row) for row in block)])
            head = []
    if head:
        yield _encoded(head)


def plain_cells(row: BillRow) -> list[str]:
    """Return the cells of a group: its values, then its sums."""
    sums = (str(row.calls), str(row.input_tokens), str(row.output_tokens), usd(row.amount_nano), usd(row.presumed_nano))
    return [*(text_cell(value) for value in row.values), *sums]


def text_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _encoded(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
