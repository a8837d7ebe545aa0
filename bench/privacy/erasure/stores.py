"""The bytes of every store of a started system, and how they are made readable before they are searched.

| store | raw bytes | besides |
|---|---|---|
| Kafka | log segments, compacted topics of checkpoints among them | batches that a producer compressed are unpacked |
| Redis | its dump, written without compression |  |
| PostgreSQL | data directory with WAL, TOAST and rows that are dead | a SELECT over every column of every table |
| ClickHouse | data directory, column files unpacked block by block, also of merged parts | a SELECT |
| objects, results, NATS, logs of all processes | files | |

Not searched: memory of processes, swap, blocks of deleted files on the disk.
"""

from collections import defaultdict
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

import asyncpg
import orjson
from redis.asyncio import Redis

from bench.privacy.erasure.extents import written
from bench.privacy.erasure.packed import unpacked_parts
from bench.privacy.erasure.planted import Stem
from bench.privacy.erasure.scan import Scanner, Searched
from connectors.clickhouse.client import ClickHouse
from connectors.postgres.vault_store.scrubbing import scrubbed
from deploy.local.engines import Endpoints
from schemas.settings import Settings

FOLDERS = {
    "Kafka": "kafka/data",
    "Redis": "redis",
    "PostgreSQL": "postgres/data",
    "ClickHouse": "clickhouse/data",
    "NATS": "nats",
    "objects": "objects",
    "results": "results",
    "logs": "logs",
}
#: Whatever PostgreSQL would compress: text, JSON and bytes of tables that are ours.
_PACKED_COLUMNS = """
SELECT format('%I.%I', n.nspname, c.relname) AS in_table, a.attname AS name
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'm')
"""
_TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
_STRINGS = """
SELECT database, table, name FROM system.columns
WHERE database = {database:String} AND match(type, 'String') ORDER BY table, name
"""
_ROWS = 500


async def without_compression(endpoints: Endpoints) -> None:
    """Let Redis and PostgreSQL write values as they are, from now on. Call it before anything is planted."""
    redis = Redis.from_url(endpoints.redis_url)
    try:
        await redis.config_set("rdbcompression", "no")
    finally:
        await redis.aclose()
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        for in_table, name in await conn.fetch(_PACKED_COLUMNS):
            await conn.execute(f'ALTER TABLE {in_table} ALTER COLUMN "{name}" SET STORAGE EXTERNAL')
    finally:
        await conn.close()


async def on_disk(endpoints: Endpoints) -> None:
    """Let Redis and PostgreSQL write what they have in memory."""
    redis = Redis.from_url(endpoints.redis_url)
    try:
        # A restarted Redis has its file's settings again.
        await redis.config_set("rdbcompression", "no")
        await redis.save()
    finally:
        await redis.aclose()
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        await conn.execute("CHECKPOINT")
    finally:
        await conn.close()


def search_files(stem: Stem, data_dir: Path) -> Searched:
    """Search the files of every store below a system's data directory."""
    scanner, found = Scanner(stem), Searched()
    for place, folder in FOLDERS.items():
        found.add(scanner.tree(place, data_dir / folder))
    return found


async def search_rows(stem: Stem, endpoints: Endpoints) -> Searched:
    """Search every row of every table of PostgreSQL, and every string of every table of ClickHouse."""
    scanner, found = Scanner(stem), Searched()
    found.add(await _postgres(scanner, endpoints))
    found.add(await _clickhouse(scanner, endpoints))
    return found


async def wrapped_keys(endpoints: Endpoints) -> set[bytes]:
    """Return the keys of subjects as the vault's table has them, wrapped."""
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        rows = await conn.fetch("SELECT wrapped FROM vault_subject_key WHERE wrapped IS NOT NULL")
    finally:
        await conn.close()
    return {bytes(row["wrapped"]) for row in rows}


async def scrub_vault(endpoints: Endpoints) -> None:
    """Do what ``python -m deploy.vault scrub`` does."""
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        await scrubbed(conn)
    finally:
        await conn.close()


def found_in_files(wanted: Set[bytes], folder: Path) -> dict[str, int]:
    """Return how many of some bytes stand in the files of each folder below a folder."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for path in folder.rglob("*"):
        if path.is_file():
            place = str(path.parent.relative_to(folder))
            with suppress(FileNotFoundError):
                for _, block in written(path):
                    found[place] |= {one for one in wanted - found[place] if one in block}
    return {place: len(ones) for place, ones in sorted(found.items()) if ones}


async def _postgres(scanner: Scanner, endpoints: Endpoints) -> Searched:
    found = Searched()
    conn = await asyncpg.connect(endpoints.postgres_dsn)
    try:
        for (table,) in await conn.fetch(_TABLES):
            async with conn.transaction():
                async for row in conn.cursor(f"SELECT * FROM {table}", prefetch=_ROWS):
                    for data in _values(row.values()):
                        found.add(scanner.data(f"PostgreSQL's {table}", data))
    finally:
        await conn.close()
    return found


async def _clickhouse(scanner: Scanner, endpoints: Endpoints) -> Searched:
    found, database = Searched(), Settings().clickhouse.database
    clickhouse = ClickHouse(endpoints.clickhouse_url, database)
    try:
        for _, table, name in await clickhouse.query(_STRINGS, {"database": database}):
            query = f"SELECT toString(`{name}`) FROM `{table}`"
            for (value,) in await clickhouse.query(query):
                found.add(scanner.data(f"ClickHouse's {table}.{name}", str(value).encode()))
    finally:
        await clickhouse.close()
    return found


def _values(values: Iterator[object]) -> Iterator[bytes]:
    for value in values:
        match value:
            case bytes():
                yield value
                yield from unpacked_parts(value)
            case None | bool() | int() | float():
                continue
            case str():
                yield value.encode()
            case _:
                yield orjson.dumps(value, default=str)
