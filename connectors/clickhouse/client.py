"""ClickHouse over HTTP: batch inserts, queries, and the numbered migrations of ``deploy/migrations/clickhouse``.

The same code talks to a ClickHouse server and to the local engine, which speaks the same protocol. A client is created
when it is first needed, so a process can start before ClickHouse does.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver import options
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from connectors.clickhouse.cluster_ddl import on_cluster
from schemas.configuration.engines import CLICKHOUSE_FILES
from schemas.configuration.tls_files import TlsFiles
from schemas.errors import AccessRefused, Unavailable
from topics.tls import Stamps, changes, client_context
from topics.tls_faults import tls_fault

# If pandas is installed, the driver imports it during its first insert: the event loop stops for a second, and 40 MB go
# to data frames that are never inserted here. The driver looks for these names first.
for _name in ("pd", "pd_time_test", "arrow", "pl"):
    vars(options).setdefault(_name, None)

# The driver logs a connection error with its traceback and raises it as well: the caller says it once, in one line.
logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)

log = logging.getLogger(__name__)

DEPENDENCY = "clickhouse"
MIGRATIONS = Path(__file__).parents[2] / "deploy" / "migrations" / "clickhouse"

Parameters = dict[str, str | int | list[str]]

#: Temporary errors: 159 and 209 timeouts, 202 too many queries, 210 network, 236 aborted, 241 no memory, 242 read-only,
#: 243 no disk, 252 too many parts, 999 keeper.
_PASSING_CODES = frozenset({159, 202, 209, 210, 236, 241, 242, 243, 252, 999})
#: 16 no such column in a table, 60 no such table, 81 no such database.
_NOT_MIGRATED_CODES = frozenset({16, 60, 81})
#: 192 no such user, 193 wrong password, 194 a password is wanted, 516 the login failed.
_REFUSED_CODES = frozenset({192, 193, 194, 516})
#: The driver looks at the columns before the server does.
_UNKNOWN_COLUMN = "Unrecognized column"

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60
#: What is raised for a host that does not answer.
_LOST = (OperationalError, aiohttp.ClientError, OSError, TimeoutError)

# Strange dates must not fail a whole batch, which the server does past 100 months in one block.
_INSERT_SETTINGS = {"throw_on_max_partitions_per_insert_block": 0}

_COSTS = """
SELECT run_id, provider, model, countIf(s.amount_nano > 0) AS calls, sum(s.input_tokens) AS input_tokens,
       sum(s.output_tokens) AS output_tokens, sum(s.amount_nano) AS amount_nano
FROM settled_costs AS s
WHERE org_id = {org:String} AND NOT startsWith(call_id, 'hour/')
  AND (empty({runs:Array(String)}) OR has({runs:Array(String)}, run_id))
GROUP BY run_id, provider, model
ORDER BY run_id, provider, model
LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class CostLine:
    """Cost of one run at one model: settled calls, tokens, nano-dollars."""

    run_id: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    amount_nano: int


class ClickHouse:
    """One database of one server, or of replicas whose URL names several hosts: ``http://user:password@a:8123,b:8123``.

    A host that does not answer is left for the next one. Every method raises ``Unavailable`` when the server does not
    answer, is overloaded or was not migrated yet; a wrong query or wrong rows are a defect and raise the library's
    error.
    """

    def __init__(self, url: str, database: str) -> None:
        self._urls = urls_of(url)
        self._at = 0
        self.database = database
        self._files = files_of(url)
        self._seen: Stamps = ()
        self._client: AsyncClient | None = None
        self._retired: AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._types: dict[str, Sequence[ClickHouseType]] = {}

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows in one insert, values in the order of ``columns``; times are ticks since the epoch."""
        if not rows:
            return
        with clickhouse_errors(f"insert {len(rows)} rows into {table}"), self._moving():
            client = await self._connected()
            types = await self._types_of(client, table, columns)
            batch = list(rows)
            await client.insert(table, batch, column_names=list(columns), column_types=types, settings=_INSERT_SETTINGS)
            # The driver's context has a cycle that contains its rows: they would stay until the garbage collector runs.
            batch.clear()

    async def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[object, ...]]:
        """Return the rows of a query; ``{name:Type}`` in it is filled from ``parameters`` by the server."""
        with clickhouse_errors("query"), self._moving():
            client = await self._connected()
            result = await client.query(sql, parameters=parameters or {})
            return [tuple(row) for row in result.result_rows]

    async def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that returns no rows, such as an insert of what a query selects."""
        with clickhouse_errors("command"), self._moving():
            client = await self._connected()
            await client.command(sql, parameters=parameters or {})

    async def blocks(self, sql: str, parameters: Parameters) -> AsyncGenerator[list[tuple[object, ...]]]:
        """Yield the rows of a query in blocks, as the server sends them."""
        with clickhouse_errors("query"), self._moving():
            client = await self._connected()
            async with await client.query_row_block_stream(sql, parameters=parameters) as stream:
                async for block in stream:
                    yield [tuple(row) for row in block]

    async def native(self, sql: str, parameters: Parameters) -> bytes:
        """Return the rows of a query in ClickHouse's Native form."""
        with clickhouse_errors("query"), self._moving():
            client = await self._connected()
            return bytes(await client.raw_query(sql, parameters=parameters, fmt="Native"))

    async def put_native(self, table: str, columns: Sequence[str], data: bytes) -> None:
        """Write rows that are in the Native form."""
        with clickhouse_errors(f"insert into {table}"), self._moving():
            client = await self._connected()
            await client.raw_insert(table, list(columns), data, fmt="Native", settings=_INSERT_SETTINGS)

    async def costs(self, org_id: str, run_ids: Sequence[str] = (), limit: int = 1_000) -> list[CostLine]:
        """Return cost per run, provider and model of an organisation, of all its runs or only ``run_ids``."""
        rows: list[Any] = await self.query(_COSTS, {"org": org_id, "runs": list(run_ids), "limit": limit})
        return [CostLine(*row) for row in rows]

    async def ping(self) -> None:
        """Return when the server answers."""
        await self.query("SELECT 1")

    async def migrate(self, folder: Path = MIGRATIONS, cluster: str = "") -> list[str]:
        """Create the database and apply the migrations that are new; returns their names.

        With the name of a ``cluster`` all of it is made on each of its replicas.

        A migration is a file ``NNNN_name.sql`` of idempotent statements, so two processes may migrate at
        once. Raises ``ValueError`` when an applied file was changed since.
        """
        migrations = await asyncio.to_thread(_read_migrations, folder)
        with clickhouse_errors("migrate"):
            turned = partial(on_cluster, cluster=cluster) if cluster else str
            await self._create_database(turned)
            client = await self._connected()
            await client.command(turned(_MIGRATIONS_TABLE))
            applied = await client.query("SELECT name, sha256 FROM schema_migrations FINAL")
            known = {str(name): str(digest) for name, digest in applied.result_rows}
            return [m.name for m in migrations if await _apply(client, m, known.get(m.name), turned)]

    async def close(self) -> None:
        """Close the connections."""
        clients, self._client, self._retired = (self._client, self._retired), None, None
        for client in clients:
            if client is not None:
                await client.close()

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                seen = changes(self._files)
                self._client, self._seen = await self._connect_any(self.database), seen
            elif self._files.given and (seen := changes(self._files)) != self._seen:
                await self._renew(self._client, seen)
            return self._client

    async def _renew(self, before: AsyncClient, seen: Stamps) -> None:
        """Replace the client, whose certificates are fixed. The one before ends with what it is doing."""
        self._seen = seen
        try:
            self._client = await _connect(self._urls[self._at], self.database)
        except (ValueError, aiohttp.ClientError, OSError, DatabaseError) as exc:
            log.warning("certificates stay as they were: %s", exc, extra={"action": "certificates_kept"})
            return
        log.info("certificates were read again", extra={"action": "certificates_renewed"})
        retired, self._retired = self._retired, before
        if retired is not None:
            await retired.close()

    async def _connect_any(self, database: str) -> AsyncClient:
        """Connect to the first host that answers, the present one first. Raises what the last one raised."""
        for last in range(len(self._urls) - 1, -1, -1):
            try:
                return await _connect(self._urls[self._at], database)
            except _LOST:
                self._at = (self._at + 1) % len(self._urls)
                if not last:
                    raise
        raise AssertionError("there is at least one host")

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Leave a host that is lost, so that the next attempt asks another one."""
        try:
            yield
        except _LOST:
            if len(self._urls) > 1:
                self._at, gone = (self._at + 1) % len(self._urls), self._client
                self._client, self._retired = None, gone
            raise

    async def _create_database(self, turned: Callable[[str], str]) -> None:
        client = await self._connect_any("")
        try:
            await client.command(turned(f"CREATE DATABASE IF NOT EXISTS `{self.database}`"))
        finally:
            await client.close()

    async def _types_of(self, client: AsyncClient, table: str, columns: Sequence[str]) -> Sequence[ClickHouseType]:
        """Cache a table's types: the client would describe the table before every insert."""
        known = self._types.get(table)
        if known is None:
            context = await client.create_insert_context(table, list(columns))
            known = self._types[table] = context.column_types
        return known


@contextmanager
def clickhouse_errors(doing: str) -> Iterator[None]:
    """Raise ``Unavailable`` for temporary errors; ``doing`` describes the attempted operation."""
    try:
        yield
    except _LOST as exc:
        if fault := tls_fault(exc, "CLICKHOUSE_CAFILE", "CLICKHOUSE_CERTFILE", "CLICKHOUSE_KEYFILE"):
            raise AccessRefused(DEPENDENCY, f"{doing}: {fault}") from exc
        raise Unavailable(DEPENDENCY, f"{doing}: {exc}") from exc
    except DatabaseError as exc:
        if exc.code in _REFUSED_CODES:
            raise AccessRefused(DEPENDENCY, f"{doing}: check user and password (code {exc.code})") from exc
        if exc.code in _NOT_MIGRATED_CODES or str(exc).startswith(_UNKNOWN_COLUMN):
            fix = "run `make migrate-up`"
            raise Unavailable(DEPENDENCY, f"{doing}: {exc}; {fix}", retry_after_s=5.0) from exc
        if exc.code not in _PASSING_CODES:
            raise
        raise Unavailable(DEPENDENCY, f"{doing}: {exc}") from exc


_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (name String, sha256 String, applied_at DateTime DEFAULT now())
ENGINE = ReplacingMergeTree(applied_at) ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def files_of(url: str) -> TlsFiles:
    """Return the files of certificates that a URL names in its query; none for one that is not encrypted."""
    parts = urlsplit(url)
    return TlsFiles.of_query(dict(parse_qsl(parts.query)), CLICKHOUSE_FILES) if parts.scheme == "https" else TlsFiles()


def urls_of(url: str) -> list[str]:
    """Return a URL for each host that one names, with the login and the query of all."""
    scheme, _, rest = url.partition("://")
    end = next((place for place, char in enumerate(rest) if char in "/?"), len(rest))
    login, at, hosts = rest[:end].rpartition("@")
    return [f"{scheme}://{login}{at}{host}{rest[end:]}" for host in hosts.split(",") if host] or [url]


async def _connect(url: str, database: str) -> AsyncClient:
    parts = urlsplit(url)
    files = files_of(url)
    client_context(files)  # the library's own errors of files do not name them
    return await clickhouse_connect.get_async_client(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or (8443 if parts.scheme == "https" else 8123),
        secure=parts.scheme == "https",
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        ca_cert=files.ca or None,
        client_cert=files.cert or None,
        client_cert_key=files.key or None,
        # Without a password the certificate is the login; with one it is what the connection needs alone.
        tls_mode="strict" if files.cert and parts.password else None,
        database=database or None,
        connect_timeout=CONNECT_TIMEOUT_S,
        send_receive_timeout=ANSWER_TIMEOUT_S,
        query_limit=0,
        show_clickhouse_errors="scrub",
    )


async def _apply(client: AsyncClient, migration: _Migration, applied: str | None, turned: Callable[[str], str]) -> bool:
    """Run one migration unless it was applied; return true if it ran."""
    digest = migration.sha256
    if applied == digest:
        return False
    if applied is not None:
        raise ValueError(f"{migration.name} was changed after it was applied; restore it and add a new migration")
    for statement in _statements(migration.text):
        await client.command(turned(statement))
    await client.insert("schema_migrations", [[migration.name, digest]], column_names=["name", "sha256"])
    return True


def _read_migrations(folder: Path) -> list[_Migration]:
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    if not files:
        raise FileNotFoundError(f"there are no migrations in {folder}")
    return [_Migration(file.stem, file.read_text(encoding="utf-8")) for file in files]


def _statements(text: str) -> list[str]:
    """Split a migration; a statement ends with a semicolon at the end of a line."""
    return [part.strip() for part in text.rstrip().removesuffix(";").split(";\n") if part.strip()]
