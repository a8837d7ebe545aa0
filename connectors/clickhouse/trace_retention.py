"""Deletes traces from ClickHouse: those that a policy does not keep after their runs' end, and those that are old.

Costs are another table's, and stay. ClickHouse finishes a deletion by itself, and one that is requested again deletes
nothing more; so nothing is remembered between two calls.
"""

from connectors.clickhouse.client import ClickHouse

#: Traces that are found at once; and of one statement, whose parameters are part of an address: some servers have 64 KB
#: for one.
BATCH, AT_ONCE = 5_000, 1_000
#: Where spans are.
TABLES = ("trace_spans", "spans_by_time")

_ENDED = """
SELECT org_id, trace_id, countIf(status = 'error') > 0 AS failed, sum(cost_nano) AS cost,
       max(if(type = 'run', duration_ms, 0)) AS took
FROM trace_spans FINAL
WHERE (org_id, trace_id) IN (
    SELECT org_id, trace_id FROM trace_spans
    WHERE type = 'run' AND ended_at >= fromUnixTimestamp64Milli({since:Int64})
      AND ended_at < fromUnixTimestamp64Milli({until:Int64})
)
GROUP BY org_id, trace_id
HAVING NOT failed
   AND ({dear:Int64} = 0 OR cost < {dear:Int64}) AND ({slow:Int64} = 0 OR took < {slow:Int64})
   AND reinterpretAsUInt32(reverse(unhex(substring(trace_id, 1, 8)))) >= {bound:Int64}
ORDER BY org_id, trace_id
LIMIT {most:UInt32}
"""

_DELETE = """
ALTER TABLE {table} DELETE
WHERE org_id = {{org:String}} AND has({{traces:Array(String)}}, trace_id)
"""

_ORGS = "SELECT org_id, min(started_at) < now64(3) - toIntervalDay({days:UInt32}) FROM trace_spans GROUP BY org_id"

_EXPIRE = """
ALTER TABLE {table} DELETE
WHERE org_id = {{org:String}} AND started_at < now64(3) - toIntervalDay({{days:UInt32}})
"""


class TraceRetention:
    """The traces of all organisations. Methods raise ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def unkept(
        self, since_ms: int, until_ms: int, *, bound: int, dear_nano: int, slow_ms: int
    ) -> list[tuple[str, str]]:
        """Return organisation and trace of runs that ended in that time and that nothing keeps; at most ``BATCH``."""
        parameters = {"since": since_ms, "until": until_ms, "bound": bound, "dear": dear_nano, "slow": slow_ms}
        rows = await self._clickhouse.query(_ENDED, {**parameters, "most": BATCH})
        return [(str(row[0]), str(row[1])) for row in rows]

    async def delete(self, org_id: str, traces: list[str]) -> None:
        """Delete traces of an organisation."""
        for start in range(0, len(traces), AT_ONCE):
            some = traces[start : start + AT_ONCE]
            for table in TABLES:
                await self._clickhouse.query(_DELETE.format(table=table), {"org": org_id, "traces": some})

    async def oldest(self, days: int) -> dict[str, bool]:
        """Return the organisations that have spans, and whether some are older than so many days."""
        rows = await self._clickhouse.query(_ORGS, {"days": days})
        return {str(org): bool(old) for org, old in rows}

    async def expire(self, org_id: str, days: int) -> None:
        """Delete what began more than so many days ago."""
        for table in TABLES:
            await self._clickhouse.query(_EXPIRE.format(table=table), {"org": org_id, "days": days})
