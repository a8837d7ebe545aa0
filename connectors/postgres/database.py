"""Makes every connection to PostgreSQL: a pool that connects when it is first needed, and single ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import orjson

from connectors.postgres.errors import postgres_errors
from connectors.postgres.tls import access, kept_statements
from schemas.version import VERSION

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by the pool."""

_JSONB_VERSION = b"\x01"
#: What the names of processes begin with.
APPLICATION = "agentflow"


class Database:
    """PostgreSQL behind a pool of at most ``max_connections``.

    ``timeout_s`` bounds the time between requesting a connection and returning it. The pool opens no connection before
    it is used, so a database that is down delays no start.
    """

    def __init__(self, dsn: str, *, max_connections: int = 10, timeout_s: float = 1.5) -> None:
        self._dsn = dsn
        self._max = max_connections
        self._timeout_s = timeout_s
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self, what: str) -> AsyncIterator[Connection]:
        """Lend a connection. ``what`` names its purpose in errors. Raises ``Unavailable``."""
        with postgres_errors(what):
            async with asyncio.timeout(self._timeout_s):
                pool = await self._open()
                conn = await pool.acquire()
                try:
                    yield conn
                except (TimeoutError, asyncio.CancelledError):
                    # Cancel or rollback on a server that does not answer would wait again.
                    conn.terminate()
                    raise
                except asyncpg.ReadOnlySQLTransactionError:
                    # It was the primary and is a standby now: all connections to it are of no use any more.
                    conn.terminate()
                    await pool.expire_connections()
                    raise
                finally:
                    await pool.release(conn)

    @asynccontextmanager
    async def transaction(self, what: str) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, committed when the block ends well."""
        async with self.connection(what) as conn:
            transaction = conn.transaction()
            await transaction.start()
            try:
                yield conn
            except (TimeoutError, asyncio.CancelledError):
                raise
            except BaseException:
                await transaction.rollback()
                raise
            else:
                await transaction.commit()

    async def fetch(self, what: str, query: str, *args: object) -> list[asyncpg.Record]:
        """Return all rows of one statement."""
        async with self.connection(what) as conn:
            return await conn.fetch(query, *args)

    async def fetchrow(self, what: str, query: str, *args: object) -> asyncpg.Record | None:
        """Return the first row of one statement."""
        async with self.connection(what) as conn:
            return await conn.fetchrow(query, *args)

    async def ping(self) -> None:
        """Probe the server. Raises ``Unavailable``."""
        await self.fetchrow("ping", "SELECT 1")

    async def close(self) -> None:
        """Close all connections; those in use are cut after the timeout."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), self._timeout_s)
        except TimeoutError:
            pool.terminate()

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                dsn, context = access(self._dsn)
                self._pool = await asyncpg.create_pool(
                    dsn,
                    ssl=context,
                    min_size=0,
                    max_size=self._max,
                    timeout=self._timeout_s,
                    statement_cache_size=kept_statements(self._dsn),
                    server_settings={"application_name": application_name()},
                    init=_prepare,
                )
            return self._pool


def application_name() -> str:
    """Return how a process names itself to the server: by its version, so that an upgrade knows who is older."""
    return f"{APPLICATION}/{VERSION}"


async def connect_once(dsn: str, timeout_s: float) -> "asyncpg.Connection[asyncpg.Record]":
    """Return one connection outside of any pool; the caller closes it. Raises ``Unavailable``."""
    plain, context = access(dsn)
    with postgres_errors("connect"):
        kept = kept_statements(dsn)
        return await asyncpg.connect(plain, ssl=context, timeout=timeout_s, statement_cache_size=kept)


async def _prepare(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Convert JSON columns from and to Python values."""
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: _JSONB_VERSION + orjson.dumps(value),
        decoder=_jsonb,
    )
    await conn.set_type_codec("json", schema="pg_catalog", format="binary", encoder=orjson.dumps, decoder=orjson.loads)


def _jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])


def returned(row: asyncpg.Record | None, what: str) -> asyncpg.Record:
    """Return the row of a statement that always returns one. Raises ``LookupError`` that says which did not."""
    if row is None:
        raise LookupError(f"{what}: the statement returned no row, though it inserts or updates one")
    return row


def epoch_ms(column: str) -> str:
    """Return SQL for a timestamptz column as milliseconds, which also works for years over 9999."""
    return f"(extract(epoch FROM {column}) * 1000)::bigint"
