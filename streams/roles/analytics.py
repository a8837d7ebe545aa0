"""The analytics role: what was called, what it did cost and how steps went, as rows in ClickHouse.

One insert per table, whatever partitions its rows are from: what an insert costs is mostly its own. A batch that was
written in part is written again whole, and the tables keep one row per record, so neither a crash nor a repeat counts
anything twice.
"""

from collections.abc import Sequence
from typing import Protocol

from connectors.ports.engine import InRecord
from schemas.records.base import Record
from streams.core.rows import COLUMNS, Origin, Row, rows_of
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS, RUN_VIEWS, TRACE_SPANS

#: The topics that this role reads.
TOPICS = (COST_EVENTS, PROVIDER_CALLS, RUN_VIEWS, TRACE_SPANS)


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
