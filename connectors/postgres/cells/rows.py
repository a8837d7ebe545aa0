"""Rows of one organisation: out of the tables of one cell, into those of another, and their digests."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.aio.cancel import end
from connectors.postgres.cells.binary_rows import Cutter
from connectors.postgres.cells.tables import CARRIED, Table, migrations, tables_that_travel
from connectors.postgres.copying import Connection, quoted
from connectors.postgres.database import connect_once
from connectors.postgres.errors import postgres_errors
from schemas.errors import Conflict

CONNECT_S = 10.0
#: A schema changes by migrations alone.
REMEMBER_S = 30.0
PART_BYTES = 8 * 1024 * 1024
#: Texts of values must be the same in both cells, whatever their servers' settings are.
_TEXTS = (
    "SET datestyle = 'ISO, MDY'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1; "
    "SET bytea_output = 'hex'; SET lock_timeout = '10s'"
)
_DIGEST = (
    "SELECT count(*) AS rows, coalesce(sum(('x' || substr(h, 1, 15))::bit(60)::bigint), 0)::text AS one, "
    "coalesce(sum(('x' || substr(h, 16, 15))::bit(60)::bigint), 0)::text AS two FROM "
    "(SELECT md5(ROW({columns})::text) AS h FROM {table} WHERE {by} = $1) AS hashed"
)
#: A server that was copied with its files has another time of start.
_IDENTITY = (
    "SELECT md5(concat_ws(' ', pg_postmaster_start_time()::text, oid, datname)) FROM pg_database "
    "WHERE datname = current_database()"
)


class OrganisationRows:
    """The rows of organisations in one cell, by connections of its own. Every method raises ``Unavailable``."""

    def __init__(self, dsn: str, vault_dsn: str) -> None:
        self._dsn = dsn
        self._vault_dsn = vault_dsn or dsn
        self._tables: list[Table] | None = None
        self._tables_until = 0.0

    async def newest_migration(self) -> str:
        """Return the name of the newest migration."""
        async with self.connected() as conn:
            return await migrations(conn)

    async def tables(self) -> list[Table]:
        """Return the tables that travel, each after those that it refers to. Raises ``LookupError``.

        They are read again after ``REMEMBER_S``: each part of a copy asks for them.
        """
        if self._tables is None or time.monotonic() > self._tables_until:
            until = time.monotonic() + REMEMBER_S
            async with self.connected() as conn:
                self._tables, self._tables_until = await tables_that_travel(conn), until
        return self._tables

    async def digests(self, tables: Sequence[Table], org_id: str) -> dict[str, str]:
        """Return by table the number of an organisation's rows and what they hash to, in any order."""
        found: dict[str, str] = {}
        for vault in (False, True):
            async with self.connected(vault=vault) as conn:
                for table in (one for one in tables if one.carried.vault == vault):
                    found[table.name] = await _digest(conn, table, org_id)
        return found

    async def out(self, table: Table, org_id: str) -> AsyncGenerator[bytes]:
        """Yield an organisation's rows of a table in whole binary copies of some MB."""
        columns = ", ".join(map(quoted, table.columns))
        sql = f"SELECT {columns} FROM {quoted(table.name)} WHERE {quoted(table.carried.by)} = $1"
        if table.carried.made_there:
            # Numbers that the target gives are in the order of those that they had.
            sql += f" ORDER BY {', '.join(map(quoted, sorted(table.carried.made_there)))}"
        parts: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=2)
        async with self._of(table) as conn:
            work = asyncio.create_task(_copied(conn, table.name, sql, org_id, parts))
            try:
                while (part := await parts.get()) is not None:
                    yield part
                await work
            finally:
                await end(work)

    async def into(self, table: Table, org_id: str, data: bytes) -> None:
        """Put a part's rows into a table; rows that are there stay. Raises ``Conflict`` for another's rows."""
        names = ", ".join(map(quoted, table.columns))
        by, name = quoted(table.carried.by), quoted(table.name)
        async with self._of(table) as conn, _transaction(conn, f"fill {table.name}"):
            await conn.execute(f"CREATE TEMP TABLE arriving ON COMMIT DROP AS SELECT {names} FROM {name} WHERE false")
            source = _once(data)
            await conn.copy_to_table("arriving", columns=list(table.columns), source=source, format="binary")
            if await conn.fetchval(f"SELECT EXISTS (SELECT FROM arriving WHERE {by} <> $1)", org_id):
                raise Conflict(f"a part of {table.name} has rows of another organisation; nothing of it was taken")
            await conn.execute(
                f"INSERT INTO {name} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM arriving "
                "ON CONFLICT DO NOTHING"
            )

    async def delete(self, tables: Sequence[Table], org_id: str) -> None:
        """Delete all rows of an organisation, those that refer to others first."""
        for vault in (False, True):
            mine = [one for one in reversed(tables) if one.carried.vault == vault]
            async with self.connected(vault=vault) as conn, _transaction(conn, "delete an earlier copy"):
                for table in mine:
                    await conn.execute(
                        f"DELETE FROM {quoted(table.name)} WHERE {quoted(CARRIED[table.name].by)} = $1", org_id
                    )

    async def vault_identity(self) -> str:
        """Return a text that is the same in both cells only if the vaults of both are one database of one server."""
        async with self.connected(vault=True) as conn:
            with postgres_errors("identify the vault"):
                return str(await conn.fetchval(_IDENTITY))

    @asynccontextmanager
    async def _of(self, table: Table) -> AsyncIterator[Connection]:
        async with self.connected(vault=table.carried.vault) as conn:
            yield conn

    @asynccontextmanager
    async def connected(self, *, vault: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection of its own to the database, or to that of the ``vault``."""
        conn = await connect_once(self._vault_dsn if vault else self._dsn, CONNECT_S)
        try:
            with postgres_errors("prepare a connection"):
                await conn.execute(_TEXTS)
            yield conn
        finally:
            conn.terminate()


async def _digest(conn: Connection, table: Table, org_id: str) -> str:
    columns = ", ".join(map(quoted, table.compared))
    sql = _DIGEST.format(columns=columns, table=quoted(table.name), by=quoted(table.carried.by))
    with postgres_errors(f"compare {table.name}"):
        row = await conn.fetchrow(sql, org_id)
    return "" if row is None else f"{row['rows']} rows, {row['one']}-{row['two']}"


@asynccontextmanager
async def _transaction(conn: Connection, what: str) -> AsyncIterator[None]:
    with postgres_errors(what):
        async with conn.transaction():
            yield


async def _copied(conn: Connection, name: str, sql: str, org_id: str, parts: "asyncio.Queue[bytes | None]") -> None:
    cutter = Cutter(PART_BYTES)

    async def take(data: bytes) -> None:
        for part in cutter.take(data):
            await parts.put(part)

    try:
        with postgres_errors(f"copy {name}"):
            await conn.copy_from_query(sql, org_id, output=take, format="binary")
        for part in cutter.rest():
            await parts.put(part)
    finally:
        await parts.put(None)


async def _once(data: bytes) -> AsyncGenerator[bytes]:
    yield data
