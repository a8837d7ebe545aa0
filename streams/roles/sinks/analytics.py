"""The analytics role: what was called, what it cost and how steps went, as rows in ClickHouse.

One insert per table, whatever partitions its rows are from: what an insert costs is mostly its own. A batch that was
written in part is written again whole, and the tables keep one row per record, so neither a crash nor a repeat counts
anything twice.
"""

from collections.abc import Sequence
from typing import Protocol

from connectors.ports.engine import InRecord
from schemas.records.base import Record
from streams.core.rows import COLUMNS, Origin, Row, rows_of
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay, decoded
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS, QUALITY_SCORES, ROUTE_OUTCOMES, RUN_VIEWS, TRACE_SPANS

#: Every insert into ClickHouse makes a part, which it merges later, so few and large ones. Milliseconds: least, most.
DELAY_MS = 500.0, 1_000.0
#: Of each partition, and this role reads five topics: what is fetched ahead is memory.
FETCH_BYTES = 512 * 1024


class RowStore(Protocol):
    """Where rows go."""

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows in one insert. Raises ``Unavailable``."""
        ...


class AnalyticsSink:
    """Writes batches of decoded records."""

    def __init__(self, store: RowStore) -> None:
        self._store = store

    async def write(self, records: Sequence[tuple[InRecord, Record]]) -> None:
        """Write every record's rows; then they can be read. Raises ``Unavailable``: write them again."""
        for table, rows in _by_table(records).items():
            await self._store.insert(table, COLUMNS[table], rows)


def _by_table(records: Sequence[tuple[InRecord, Record]]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for place, record in records:
        table, rows = rows_of(record, Origin(place.topic, place.partition, place.offset))
        tables.setdefault(table, []).extend(rows)
    return tables


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    write = AnalyticsSink(ctx.clickhouse()).write
    spec = SinkSpec(name=SPEC.name, open_record=decoded, write=write, gathering=batch_delay(*DELAY_MS))
    reads = Reads(topics=SPEC.reads, fetch_bytes=FETCH_BYTES)
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), reads)


SPEC = RoleSpec(
    name="analytics",
    summary="writes costs, calls, spans, steps and outcomes of routes to ClickHouse",
    build=build,
    reads=(COST_EVENTS, PROVIDER_CALLS, TRACE_SPANS, RUN_VIEWS, ROUTE_OUTCOMES, QUALITY_SCORES),
    needs=(Dependency.KAFKA, Dependency.CLICKHOUSE),
)
