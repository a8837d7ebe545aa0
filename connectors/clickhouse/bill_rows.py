"""Settlements of calls, summed by what a bill is grouped by. Each call counts once, as in the ledger of budgets."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from msgspec import Struct

from connectors.clickhouse.client import ClickHouse, Parameters

_DAY_MS = 86_400_000
#: What a call's row has of its settlement: of the actual one, where it has come.
_FIELDS = (
    *("kind", "run_id", "workflow_name", "provider", "model", "node_id", "prompt_name", "tags", "priced_as"),
    *("cost_source", "amount_nano", "input_tokens", "output_tokens", "calls"),
)
#: Both settlements of a call are booked at the time of its hold; a day to each side costs nothing and misses none.
_CALLS = f"""
SELECT {", ".join(f"argMax(e.{field}, e.kind = 'actual') AS s_{field}" for field in _FIELDS)},
       argMin(e.booked_at, e._offset) AS s_booked_at
FROM cost_events AS e FINAL
WHERE e.org_id = {{org:String}} AND e.calls > 0
  AND e.booked_at >= fromUnixTimestamp64Milli({{wide_from:Int64}})
  AND e.booked_at < fromUnixTimestamp64Milli({{wide_to:Int64}})
GROUP BY e.run_id, e.call_id
HAVING s_booked_at >= fromUnixTimestamp64Milli({{from:Int64}})
   AND s_booked_at < fromUnixTimestamp64Milli({{to:Int64}})
"""
_SUMS = """
       sumIf(s_calls, s_amount_nano > 0) AS calls, sum(s_input_tokens) AS input_tokens,
       sum(s_output_tokens) AS output_tokens, sum(s_amount_nano) AS amount_nano,
       sumIf(s_amount_nano, s_kind = 'presumed') AS presumed_nano
"""


class Period(NamedTuple):
    """From a time on, and before another: milliseconds since the epoch."""

    from_ms: int
    to_ms: int


class BillRow(Struct, frozen=True):
    """A group: the value of each dimension, and its sums. Money is nano-dollars."""

    values: tuple[str, ...]
    calls: int
    input_tokens: int
    output_tokens: int
    amount_nano: int
    presumed_nano: int


class Dimension(NamedTuple):
    """What a bill is grouped by: its name, and either an expression over a call's row or the name of a tag."""

    name: str
    expression: str = ""
    tag: str = ""


#: Dimensions that every settlement has, by name. Times are UTC.
DIMENSIONS = {
    one.name: one
    for one in (
        Dimension("hour", "formatDateTime(toStartOfHour(s_booked_at), '%Y-%m-%dT%H:00:00Z', 'UTC')"),
        Dimension("day", "toString(toDate(s_booked_at, 'UTC'))"),
        Dimension("month", "formatDateTime(s_booked_at, '%Y-%m', 'UTC')"),
        Dimension("provider", "s_provider"),
        Dimension("model", "s_model"),
        Dimension("workflow", "s_workflow_name"),
        Dimension("node", "s_node_id"),
        Dimension("prompt", "s_prompt_name"),
        Dimension("run", "s_run_id"),
        Dimension("settled_as", "s_kind"),
        Dimension("priced_as", "s_priced_as"),
        Dimension("cost_source", "s_cost_source"),
    )
}


class BillRows:
    """Reads the sums of bills. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def rows(self, org_id: str, period: Period, by: Sequence[Dimension], limit: int) -> list[BillRow]:
        """Return at most ``limit`` groups, in the order of their values."""
        sql, given = _query(org_id, period, by)
        found = await self._clickhouse.query(f"{sql} LIMIT {limit:d}", given)
        return [_row(row, len(by)) for row in found]

    async def stream(self, org_id: str, period: Period, by: Sequence[Dimension]) -> AsyncGenerator[list[BillRow]]:
        """Yield all groups in blocks, in the order of their values."""
        sql, given = _query(org_id, period, by)
        async with aclosing(self._clickhouse.blocks(sql, given)) as blocks:
            async for block in blocks:
                yield [_row(row, len(by)) for row in block]

    async def total(self, org_id: str, period: Period) -> BillRow:
        """Return the sums over all calls."""
        (row,) = await self.rows(org_id, period, (), 1)
        return row


def _query(org_id: str, period: Period, by: Sequence[Dimension]) -> tuple[str, Parameters]:
    given: Parameters = {
        "org": org_id,
        "from": period.from_ms,
        "to": period.to_ms,
        "wide_from": period.from_ms - _DAY_MS,
        "wide_to": period.to_ms + _DAY_MS,
    }
    columns = []
    for at, one in enumerate(by):
        if one.tag:
            given[f"tag{at}"] = one.tag
        columns.append(f"{one.expression or f's_tags[{{tag{at}:String}}]'} AS d{at}")
    selected = "".join(f"{column}, " for column in columns)
    keys = ", ".join(f"d{at}" for at in range(len(by)))
    grouped = f" GROUP BY {keys} ORDER BY {keys}" if keys else ""
    return f"SELECT {selected}{_SUMS} FROM ({_CALLS}){grouped}", given


def _row(row: Sequence[object], dimensions: int) -> BillRow:
    sums = (int(str(value)) for value in row[dimensions:])
    return BillRow(tuple(str(value) for value in row[:dimensions]), *sums)
