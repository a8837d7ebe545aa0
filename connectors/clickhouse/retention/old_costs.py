"""Adds settlements that are old up by hour, and deletes them: sums stay what they were, to the nano-dollar.

One insert writes the rows of an hour that stand for many calls, and for each of these calls a newer version that costs
nothing. An insert of one block is visible as a whole, so no reader ever counts a call twice or not at all; what is of
nothing is deleted by ClickHouse afterwards. The id of a row for an hour is made of the calls that it stands for, so an
hour that is added up twice, by two processes or after a lost answer, is one row.
"""

from typing import NamedTuple

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.base import USAGE_KINDS

HOUR_MS = 3_600_000
#: Calls of one insert; its rows are in memory, some hundred bytes each.
CALLS_AT_ONCE = 500_000
#: Hours that are found at once.
FOUND = 50
#: What a row for an hour is grouped by: all that bills and budgets ask for, but for the run and step.
_KEYS = (
    *("kind", "workflow_name", "provider", "model", "node_id", "prompt_name", "price_version", "tags"),
    *("priced_as", "cost_source"),
)
_SUMS = ("amount_nano", "stated_difference_nano", *USAGE_KINDS)

_HOURS = """
SELECT toUnixTimestamp64Milli(toDateTime64(toStartOfHour(booked_at), 3)) AS hour_ms, count() AS settled
FROM cost_events AS e FINAL
WHERE org_id = {org:String} AND booked_at < fromUnixTimestamp64Milli({before:Int64})
  AND e.calls > 0 AND NOT startsWith(call_id, 'hour/')
GROUP BY hour_ms ORDER BY hour_ms
"""
_CALLS = f"""
SELECT e.run_id AS run_id, e.call_id AS call_id, groupUniqArray(e.kind) AS kinds, argMin(e.booked_at, e._offset) AS at,
       {", ".join(f"argMax(e.{name}, e.kind = 'actual') AS s_{name}" for name in (*_KEYS, *_SUMS))}
FROM cost_events AS e FINAL
WHERE e.org_id = {{org:String}} AND e.calls > 0 AND NOT startsWith(e.call_id, 'hour/')
  AND e.booked_at >= fromUnixTimestamp64Milli({{from:Int64}}) AND e.booked_at < fromUnixTimestamp64Milli({{to:Int64}})
  AND cityHash64(e.run_id, e.call_id) % {{parts:UInt32}} = {{part:UInt32}}
GROUP BY e.run_id, e.call_id
"""
_HASHED = ", ".join(f"toString(s_{name})" for name in _KEYS)
_ADD_UP = f"""
INSERT INTO cost_events (org_id, run_id, call_id, {", ".join(_KEYS)}, {", ".join(_SUMS)}, booked_at, calls)
SELECT {{org:String}}, '',
       concat('hour/', hex(sipHash128(at_hour, {_HASHED})), hex(groupBitXor(sipHash64(run_id, call_id)))),
       {", ".join(f"s_{name}" for name in _KEYS)}, {", ".join(f"sum(s_{name})" for name in _SUMS)}, at_hour,
       greatest(countIf(s_amount_nano > 0), 1)
FROM (SELECT *, toDateTime64(toStartOfHour(at), 3, 'UTC') AS at_hour FROM ({_CALLS}))
GROUP BY at_hour, {", ".join(f"s_{name}" for name in _KEYS)}
UNION ALL
SELECT {{org:String}}, run_id, call_id, kind, {", ".join("''" if name != "tags" else "map()" for name in _KEYS[1:])},
       {", ".join("0" for _ in _SUMS)}, at, 0
FROM ({_CALLS}) ARRAY JOIN kinds AS kind
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 0
"""
_DELETE = """
ALTER TABLE cost_events DELETE WHERE org_id = {org:String}
AND booked_at < fromUnixTimestamp64Milli({before:Int64}) AND NOT startsWith(call_id, 'hour/')
"""
_DELETE_CALLS = """
ALTER TABLE provider_calls DELETE
WHERE org_id = {org:String} AND started_at < fromUnixTimestamp64Milli({before:Int64})
"""
_OLD = """
SELECT (SELECT count() FROM cost_events WHERE org_id = {org:String}
        AND booked_at < fromUnixTimestamp64Milli({before:Int64}) AND NOT startsWith(call_id, 'hour/')),
       (SELECT count() FROM provider_calls WHERE org_id = {org:String}
        AND started_at < fromUnixTimestamp64Milli({before:Int64}))
"""


class Hour(NamedTuple):
    """An hour with settlements of its own: its start, and how many."""

    start_ms: int
    rows: int


class OldCosts:
    """The settlements of all organisations. Methods raise ``Unavailable``. Times are whole hours."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def hours(self, org_id: str, before_ms: int) -> list[Hour]:
        """Return the oldest hours before a time whose settlements are not added up, at most ``FOUND``."""
        rows = await self._clickhouse.query(f"{_HOURS} LIMIT {FOUND}", {"org": org_id, "before": before_ms})
        return [Hour(int(str(hour)), int(str(count))) for hour, count in rows]

    async def add_up(self, org_id: str, hour: Hour) -> None:
        """Add the settlements of an hour up. Doing it again changes nothing."""
        parts = hour.rows // CALLS_AT_ONCE + 1
        given: Parameters = {"org": org_id, "from": hour.start_ms, "to": hour.start_ms + HOUR_MS, "parts": parts}
        for part in range(parts):
            await self._clickhouse.command(_ADD_UP, given | {"part": part})

    async def delete(self, org_id: str, before_ms: int) -> bool:
        """Delete what is added up and what is known of single calls before a time; return whether there was any."""
        given: Parameters = {"org": org_id, "before": before_ms}
        ((costs, calls),) = await self._clickhouse.query(_OLD, given)
        if int(str(costs)):
            await self._clickhouse.command(_DELETE, given)
        if int(str(calls)):
            await self._clickhouse.command(_DELETE_CALLS, given)
        return bool(int(str(costs)) or int(str(calls)))
