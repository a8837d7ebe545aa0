"""Makes every connection to PostgreSQL: a pool that connects when it is first needed, and single ones.

TLS is by libpq's words of a DSN: ``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``. The context is ours instead of
asyncpg's, so that certificates are read again when their files change.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import asyncpg
import orjson

from connectors.postgres.errors import postgres_errors
from schemas.configuration.engines import ENCRYPTED_MODES, POSTGRES_FILES, UNPREPARED
from schemas.configuration.tls_files import TlsFiles
from schemas.version import VERSION
from topics.tls import Verify, client_context

#: As many as asyncpg's own default.
KEPT = 100
_CHECKED: dict[str, Verify] = {"require": "nothing", "verify-ca": "authority", "verify-full": "name"}

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection lent by the pool."""
_JSONB_VERSION = b"\x01"
#: What the names of processes begin with.
APPLICATION = "agentflow"


def kept_statements(dsn: str) -> int:
    """Return how many prepared statements a connection may keep: none behind a pooler that changes sessions."""
    return 0 if UNPREPARED in dict(parse_qsl(dsn.partition("?")[2])) else KEPT


def access(dsn: str) -> tuple[str, ssl.SSLContext | None]:
    """Return a DSN and the context that its connections use; ``None`` leaves it to asyncpg, as ``sslmode`` says.

    As by libpq, ``require`` with authorities checks the authority, and without them nothing. Raises ``ValueError`` for
    files that cannot be used.
    """
    address, _, text = dsn.partition("?")
    query = dict(parse_qsl(text, keep_blank_values=True))
    if query.pop(UNPREPARED, None):
        dsn = f"{address}?{urlencode(query)}" if query else address
    mode = query.get("sslmode", "")
    if mode not in ENCRYPTED_MODES:
        return dsn, None
    files = TlsFiles.of_query(query, POSTGRES_FILES)
    verify: Verify = "authority" if mode == "require" and files.ca else _CHECKED[mode]
    rest = {word: value for word, value in query.items() if word != "sslmode" and word not in POSTGRES_FILES.values()}
    return f"{address}?{urlencode(rest)}" if rest else address, client_context(files, verify)


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
