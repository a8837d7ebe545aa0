"""What is left in the stores when everything that expires has expired, and the retention that makes it so.

The sweeper of the role ``retention`` runs here with a clock that is a day ahead, so that a day passes in ``KEEP_S``;
so does an hour, for keys that Redis keeps for one.
Records of topics leave by the age that the catalogue gives them, which is Kafka's own work: of those only what never
leaves is counted, see ``bench.soak.log_at_rest``.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import asyncpg
from redis.asyncio import Redis

from bench.lines import BenchError
from bench.measures.growth import redis_kb_at_rest
from bench.soak.broker_heap import live_bytes
from bench.soak.log_at_rest import log_bytes
from bench.stage import Stage
from connectors.clickhouse.client import ClickHouse, Parameters
from connectors.clickhouse.retention.run_deletion import RunTraces
from connectors.postgres.database import Database
from connectors.postgres.history.run_deletion import RunDeletion
from schemas.settings import Settings
from services.retention.records import RunRecords
from services.retention.sweeper import KeptDays, Sweeper

#: How long ended runs are kept, in Redis and in history.
KEEP_S = 30
#: The interval of checkpoints by default, and a little; runs by which partitions see that time passes.
CHECKPOINT_S, FEW = 33, 40
_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
#: Claims of attempts whose outcome is published, and markers of submissions over HTTP without an id.
_KEPT_FOR_AN_HOUR = ("{runs:*}:claim:*", "{runs:*}:accepted:*")
MUTATIONS_S = 120.0
#: Classes of the broker's heap that are told apart.
CLASSES = 40
_POLL_S = 0.5
_TABLES = "SELECT name FROM system.tables WHERE database = {name:String} AND engine LIKE '%MergeTree'"
_UNDONE = "SELECT count() FROM system.mutations WHERE database = {name:String} AND NOT is_done"
_BYTES = """
SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = {name:String} GROUP BY table
"""
_RELATIONS = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class AtRest:
    """KB (10^3 bytes) of each store, and of each of its parts by ``store.part``."""

    stores: Mapping[str, float]
    parts: Mapping[str, float]


async def let_hours_pass(url: str) -> int:
    """Delete from Redis what it keeps for an hour, if it has been there for ``KEEP_S``; return how many keys."""
    deleted = 0
    async with Redis.from_url(url) as redis:
        for pattern in _KEPT_FOR_AN_HOUR:
            keys = [key async for key in redis.scan_iter(match=pattern, count=1_000)]
            for at in range(0, len(keys), 1_000):
                deleted += await _delete_old(redis, keys[at : at + 1_000])
    return deleted


async def _delete_old(redis: "Redis", keys: Sequence[bytes]) -> int:
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.pttl(key)
        left = await pipe.execute()
    old = [key for key, left_ms in zip(keys, left, strict=True) if 0 < left_ms < _HOUR_MS - 1_000 * KEEP_S]
    return int(await redis.unlink(*old)) if old else 0


async def sweep(stage: Stage) -> int:
    """Delete the runs that ended over ``KEEP_S`` ago, as the role does; return how many."""
    ends, deleted = stage.system.endpoints, 0
    database, clickhouse = Database(ends.postgres_dsn, timeout_s=30.0), ClickHouse(ends.clickhouse_url, _database())
    sweeper = Sweeper(KeptDays(1), RunDeletion(database), RunRecords(RunTraces(clickhouse), stage.log))
    try:
        while swept := await sweeper.sweep(int(time.time() * 1e3) + _DAY_MS - KEEP_S * 1_000):
            deleted += sum(swept.values())
    finally:
        await database.close()
        await clickhouse.close()
    return deleted


async def sweep_always(stage: Stage, every_s: float) -> None:
    """Sweep, and let hours pass, until it is canceled. Raises what one of both raises.

    A sweep ends when no run is due, which under load may be never: so neither waits for the other.
    """

    async def hours() -> int:
        return await let_hours_pass(stage.system.endpoints.redis_url)

    await asyncio.gather(_always(partial(sweep, stage), every_s), _always(hours, every_s))


async def _always(work: Callable[[], Awaitable[int]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await work()


async def at_rest(stage: Stage) -> AtRest:
    """Wait until everything that expires has expired, and weigh the rest. Nothing may run meanwhile."""
    await stage.settle()
    async with Redis.from_url(stage.system.endpoints.redis_url) as redis:
        await _pass_time(stage, redis)
        stores = {"redis": await redis_kb_at_rest(redis, 0)}
        parts = {f"redis.{name}": float(count) for name, count in (await _prefixes(redis)).items()}
    await sweep(stage)
    for store, sizes in (
        ("postgres", await _postgres(stage)),
        ("clickhouse", await _clickhouse(stage)),
        ("log", await log_bytes(stage.log)),
        ("objects", {"files": _files(stage)}),
        ("kafka_heap", await _kafka_heap(stage)),
    ):
        stores[store] = sum(sizes.values()) / 1e3
        parts |= {f"{store}.{name}": size / 1e3 for name, size in sizes.items()}
    return AtRest(stores, parts)


async def _pass_time(stage: Stage, redis: "Redis") -> None:
    """Let all that has a time to live reach its end.

    The clock of a partition of runs is that of its records, so few runs more tell it that time has passed; what has
    left the table then leaves the checkpoints, which are written every ``CHECKPOINT_S``.
    """
    for _ in range(3):
        await asyncio.sleep(CHECKPOINT_S)
        await stage.run_many(FEW)
        await stage.settle()
    async for key in redis.scan_iter(count=1_000):
        if await redis.pttl(key) > 0:
            await redis.pexpire(key, 1)


async def _prefixes(redis: "Redis") -> dict[str, int]:
    """Return how many keys there are of each kind: the first parts of its name."""
    found: dict[str, int] = {}
    async for key in redis.scan_iter(count=1_000):
        kind = re.sub(r"[0-9]+", "N", ":".join(key.decode("utf-8", "replace").split(":")[:3]))
        found[kind] = found.get(kind, 0) + 1
    return found


async def _postgres(stage: Stage) -> dict[str, float]:
    connection = await asyncpg.connect(stage.system.endpoints.postgres_dsn)
    try:
        await connection.execute("VACUUM FULL")
        return {row[0]: float(row[1]) for row in await connection.fetch(_RELATIONS)}
    finally:
        await connection.close()


async def _clickhouse(stage: Stage) -> dict[str, float]:
    name: Parameters = {"name": _database()}
    deadline = time.monotonic() + MUTATIONS_S
    clickhouse = ClickHouse(stage.system.endpoints.clickhouse_url, _database())
    try:
        while (await clickhouse.query(_UNDONE, name))[0][0] and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        for (table,) in await clickhouse.query(_TABLES, name):
            await clickhouse.query(f"OPTIMIZE TABLE {table} FINAL")
        return {str(table): float(str(size)) for table, size in await clickhouse.query(_BYTES, name)}
    finally:
        await clickhouse.close()


async def _kafka_heap(stage: Stage) -> dict[str, float]:
    """Return live bytes by class; small classes are ``others``."""
    pid = stage.system.stack.engine("kafka").pid
    if pid is None:
        raise BenchError("the broker has ended")
    live = Counter(await live_bytes(pid))
    most = {name: float(size) for name, size in live.most_common(CLASSES)}
    return most | {"others": live.total() - sum(most.values())}


def _files(stage: Stage) -> float:
    folders = [stage.system.data_dir / name for name in ("objects", "results")]
    return float(sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()))


def _database() -> str:
    return Settings().clickhouse.database
