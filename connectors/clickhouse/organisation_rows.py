"""Rows of one organisation in ClickHouse: out of one cell, into another, and their digests.

Rows travel in ClickHouse's Native form. Every table of a MergeTree family with a column ``org_id`` travels; of
costs the offset says only which settlement of a call came first, since offsets of another log mean nothing here.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from connectors.clickhouse.client import ClickHouse

#: Of a table with texts of models these are some MB.
ROWS_OF_PART = 2_000
REMEMBER_S = 30.0
#: Tables of the installation.
STAYS = frozenset({"schema_migrations"})
#: Where a row came from in the log of its cell.
_ORIGIN = frozenset({"_topic", "_partition", "_offset"})
_INSTEAD: Mapping[tuple[str, str], str] = {("cost_events", "_offset"): "toUInt64(kind = 'actual')"}
_TABLES = """
SELECT t.name, c.name FROM system.tables AS t JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
WHERE t.database = currentDatabase() AND t.engine LIKE '%MergeTree%'
  AND c.default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL')
ORDER BY t.name, c.position
"""
_DIGEST = """
SELECT count(), toString(sum(toUInt128(sipHash64(formatRow('JSONCompactEachRow', {columns})))))
FROM `{table}` FINAL WHERE org_id = {{org:String}}
"""


@dataclass(frozen=True, slots=True)
class AnalyticsTable:
    """A table that travels, and its columns in their order."""

    name: str
    columns: tuple[str, ...]


class AnalyticsRows:
    """The rows of organisations. Every method raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._tables: list[AnalyticsTable] | None = None
        self._tables_until = 0.0

    async def tables(self) -> list[AnalyticsTable]:
        """Return the tables that travel. Raises ``LookupError`` for one that nobody decided about."""
        if self._tables is None or time.monotonic() > self._tables_until:
            until = time.monotonic() + REMEMBER_S
            self._tables, self._tables_until = await self._read(), until
        return self._tables

    async def _read(self) -> list[AnalyticsTable]:
        columns: dict[str, list[str]] = {}
        for table, column in await self._clickhouse.query(_TABLES):
            columns.setdefault(str(table), []).append(str(column))
        unknown = [name for name, found in columns.items() if "org_id" not in found and name not in STAYS]
        if unknown:
            raise LookupError(f"nobody decided whether {', '.join(unknown)} of ClickHouse travels with an organisation")
        return [AnalyticsTable(name, tuple(found)) for name, found in columns.items() if name not in STAYS]

    async def digest(self, table: AnalyticsTable, org_id: str) -> str:
        """Return the number of an organisation's rows and what they hash to, in any order."""
        columns = ", ".join(f"`{one}`" for one in table.columns if one not in _ORIGIN)
        sql = _DIGEST.format(columns=columns, table=table.name)
        ((rows, hashed),) = await self._clickhouse.query(sql, {"org": org_id})
        return f"{rows} rows, {hashed}"

    async def out(self, table: AnalyticsTable, org_id: str) -> AsyncGenerator[bytes]:
        """Yield an organisation's rows of a table, as they are after all merges, in the Native form."""
        sql = f"SELECT count() FROM `{table.name}` FINAL WHERE org_id = {{org:String}}"
        ((count,),) = await self._clickhouse.query(sql, {"org": org_id})
        parts = -(-int(str(count)) // ROWS_OF_PART)
        selected = ", ".join(_expression(table.name, one) for one in table.columns)
        for part in range(parts):
            yield await self._clickhouse.native(
                f"SELECT {selected} FROM `{table.name}` FINAL WHERE org_id = {{org:String}} "
                f"AND cityHash64({_spread(table.columns)}) % {parts} = {part}",
                {"org": org_id},
            )

    async def into(self, table: AnalyticsTable, data: bytes) -> None:
        """Put a part's rows into a table. The same rows again are the same rows, after merges."""
        await self._clickhouse.put_native(table.name, table.columns, data)

    async def count(self, table: AnalyticsTable, org_id: str) -> int:
        """Return how many rows of an organisation there are, those that merges will make one included."""
        sql = f"SELECT count() FROM `{table.name}` WHERE org_id = {{org:String}}"
        ((count,),) = await self._clickhouse.query(sql, {"org": org_id})
        return int(str(count))

    async def delete(self, tables: Sequence[AnalyticsTable], org_id: str) -> None:
        """Delete all rows of an organisation, and wait until they are gone."""
        for table in tables:
            # A deletion writes all parts again, so none is made where there is nothing.
            if not await self.count(table, org_id):
                continue
            await self._clickhouse.query(
                f"ALTER TABLE `{table.name}` DELETE WHERE org_id = {{org:String}} SETTINGS mutations_sync = 2",
                {"org": org_id},
            )


def _expression(table: str, column: str) -> str:
    instead = _INSTEAD.get((table, column))
    return f"`{column}`" if instead is None else f"{instead} AS `{column}`"


def _spread(columns: Sequence[str]) -> str:
    """Return what rows are divided into parts by."""
    named = [one for one in ("run_id", "trace_id", "decision_id", "call", "call_id", "span_id") if one in columns]
    return ", ".join(f"`{one}`" for one in named) or "org_id"
