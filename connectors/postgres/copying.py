"""Whole tables, out of one snapshot and into empty ones, by COPY in its binary form.

The form is that of the server's column types, so both sides have the same columns, in the same order, by name.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from connectors.postgres.database import connect_once
from connectors.postgres.errors import postgres_errors

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Output = Callable[[bytes], Coroutine[Any, Any, None]]

CONNECT_S = 10.0

_TABLES = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_PARTITIONS = """
SELECT p.relname AS parent, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relispartition AND p.relnamespace = 'public'::regnamespace ORDER BY c.oid
"""
_SEQUENCES = "SELECT sequencename AS name, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value > 0"
_REFERENCES = """
SELECT DISTINCT conrelid::regclass::text AS child, confrelid::regclass::text AS parent FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid
"""


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[Connection]:
    """Lend a connection on which everything is read as of one moment, which is now. Raises ``Unavailable``."""
    conn = await connect_once(dsn, CONNECT_S)
    try:
        with postgres_errors("begin a snapshot"):
            transaction = conn.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            # The snapshot is taken by the first statement, not by BEGIN.
            await conn.fetchval("SELECT pg_current_snapshot()::text")
        yield conn
    finally:
        conn.terminate()


async def tables(conn: Connection) -> dict[str, list[str]]:
    """Return the tables with their columns that are not computed. A partitioned table is one table."""
    with postgres_errors("list the tables"):
        return {row["name"]: list(row["columns"]) for row in await conn.fetch(_TABLES)}


async def partitions(conn: Connection) -> list[tuple[str, str, str]]:
    """Return the partitions of partitioned tables, in the order of their making: table, name, bound as SQL."""
    with postgres_errors("list the partitions"):
        return [(row["parent"], row["name"], row["bound"]) for row in await conn.fetch(_PARTITIONS)]


async def sequences(conn: Connection) -> dict[str, int]:
    """Return the last value of each sequence that was used."""
    with postgres_errors("read the sequences"):
        return {row["name"]: row["last_value"] for row in await conn.fetch(_SEQUENCES)}


async def copy_out(conn: Connection, table: str, columns: Sequence[str], output: Output) -> int:
    """Give a table's rows to ``output``, in pieces of COPY's binary form; return how many there are."""
    names = ", ".join(map(quoted, columns))
    with postgres_errors(f"copy {table}"):
        done = await conn.copy_from_query(f"SELECT {names} FROM {quoted(table)}", output=output, format="binary")
    return int(done.split()[-1])


async def copy_in(conn: Connection, table: str, columns: Sequence[str], source: AsyncGenerator[bytes, None]) -> int:
    """Put rows into a table; return how many."""
    # A partitioned table is written through its parent, and identity columns keep the values that are given.
    source_any: Any = source
    with postgres_errors(f"fill {table}"):
        done = await conn.copy_to_table(table, columns=list(columns), source=source_any, format="binary")
    return int(done.split()[-1])


async def parents_first(conn: Connection, names: Sequence[str]) -> list[str]:
    """Return tables in an order in which no row comes before one that it refers to."""
    with postgres_errors("read the references"):
        rows = await conn.fetch(_REFERENCES)
    needs: dict[str, set[str]] = {name: set() for name in names}
    for row in rows:
        if row["child"] in needs and row["parent"] in needs:
            needs[row["child"]].add(row["parent"])
    ordered: list[str] = []
    while needs:
        free = sorted(name for name, parents in needs.items() if parents.isdisjoint(needs))
        for name in free or sorted(needs):
            ordered.append(name)
            del needs[name]
    return ordered


async def set_sequences(conn: Connection, values: dict[str, int]) -> None:
    """Let sequences continue after these values."""
    with postgres_errors("set the sequences"):
        for name, value in values.items():
            await conn.execute("SELECT setval($1::text::regclass, $2)", quoted(name), value)


async def emptied(conn: Connection, names: Sequence[str]) -> None:
    """Remove all rows of tables."""
    with postgres_errors("empty the tables"):
        if names:
            await conn.execute(f"TRUNCATE {', '.join(map(quoted, names))}")


def quoted(name: str) -> str:
    """Return a name as SQL takes any."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
