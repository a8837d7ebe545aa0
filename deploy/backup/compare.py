"""A restored site beside its backup: records byte for byte, ended runs byte for byte, the ledger."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.clickhouse.client import ClickHouse
from connectors.kafka.archive.reading import ArchiveReader
from connectors.ports.archive import LogRow, Range
from connectors.postgres import copying
from connectors.postgres.database import connect_once
from connectors.postgres.errors import postgres_errors
from deploy.backup.archive.store import PartReader
from deploy.backup.restoring.plan import Plan
from deploy.backup.site import Site
from schemas.run_states import TERMINAL_RUN

_RUNS = """
SELECT r.id, r::text || coalesce(string_agg(s::text, chr(10) ORDER BY s.step_id), '') AS content
FROM workflow_run r LEFT JOIN step_run s ON s.workflow_run_id = r.id WHERE r.status = ANY($1) GROUP BY r.id
"""
#: Settlements up to the cut only, when its offsets are given: roles that run have added others since.
_LEDGER = """
SELECT count(), sum(amount) FROM (SELECT call_id, argMax(amount_nano, kind = 'actual') AS amount FROM cost_events FINAL
WHERE call_id NOT IN {open:Array(String)}
  AND (empty({ends:Array(String)}) OR _offset < toUInt64({ends:Array(String)}[_partition + 1]))
GROUP BY org_id, call_id)
"""


@dataclass
class _Digest:
    """What a partition's records are. An exact one has their offsets, too."""

    exact: bool
    count: int = 0
    sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def take(self, rows: Iterable[LogRow]) -> None:
        for row in rows:
            self.count += 1
            self.sha.update(msgspec.msgpack.encode(row if self.exact else row._replace(offset=0)))

    def seen(self) -> tuple[int, str]:
        return self.count, self.sha.hexdigest()


async def different_partitions(site: Site, planned: Plan, reader: PartReader) -> list[str]:
    """Return the partitions whose restored records are not those of the backup. Call it before any role starts."""
    wanted = {where: _Digest(planned.manifest.topics[where[0]].exact) for where in planned.copies}
    for where, copy in planned.copies.items():
        for held in copy.parts:
            rows = await reader.read(held, LogRow)
            wanted[where].take(row for row in rows if row.offset < planned.ends[where])
    found = {where: _Digest(one.exact) for where, one in wanted.items()}
    async with ArchiveReader(site.bootstrap) as log:
        firsts, ends = await log.firsts(list(wanted)), await log.ends(list(wanted))
        ranges = {w: Range(firsts[w], min(ends[w], firsts[w] + one.count)) for w, one in wanted.items()}
        async for where, rows in log.read(ranges):
            found[where].take(rows)
    return [f"{w[0]}/{w[1]}" for w, one in sorted(wanted.items()) if found[w].seen() != one.seen()]


async def ended_runs(dsn: str) -> dict[str, str]:
    """Return a digest of all that history has of each run that has ended."""
    conn = await connect_once(dsn, copying.CONNECT_S)
    try:
        with postgres_errors("read the ended runs"):
            async with conn.transaction():
                rows = conn.cursor(_RUNS, list(TERMINAL_RUN), prefetch=1_000)
                return {row["id"]: hashlib.sha256(row["content"].encode()).hexdigest() async for row in rows}
    finally:
        await conn.close()


async def ledger_in_clickhouse(
    site: Site, open_calls: Collection[str], ends: Mapping[int, int] | None = None
) -> tuple[int, int]:
    """Return how many calls ClickHouse has and what they cost, without those that were open at the cut.

    ``ends`` bounds the offsets of ``cost-events`` by partition.
    """
    clickhouse = ClickHouse(site.clickhouse_url, site.clickhouse_database)
    try:
        rows = await clickhouse.query(
            _LEDGER, {"open": sorted(open_calls), "ends": [str(end) for _, end in sorted((ends or {}).items())]}
        )
    finally:
        await clickhouse.close()
    return int(str(rows[0][0])), int(str(rows[0][1] or 0))
