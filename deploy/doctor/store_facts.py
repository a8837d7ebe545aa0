"""What stores and this machine say: clocks, memory, schemas, workers, disks, certificates. Raises ``Unavailable``."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from redis.asyncio import Redis

from api.metrics.certificates import ends_at_s, paths_of
from connectors.clickhouse.client import ClickHouse
from connectors.postgres.database import Database
from connectors.redis.errors import redis_errors
from connectors.redis.worker_registry import WorkerRegistry
from deploy.doctor.facts import Disk, LostWorker, RedisHealth
from deploy.wait_for_schema import missing_in_clickhouse, missing_in_postgres
from schemas.settings import Settings

_TIMEOUT_S = 10.0
#: How fields of settings are named that are files of certificates.
_CERTIFICATES = ("cafile", "ca_file", "certfile", "certificate_file", "root_cert", "ssl_cert")


async def redis_health(redis: Redis) -> RedisHealth:
    """Return memory and persistence of the Redis that answers."""
    with redis_errors("read memory and persistence"):
        memory = await redis.info("memory")
        saved = await redis.info("persistence")
    good = saved.get("rdb_last_bgsave_status", "ok") == "ok" and saved.get("aof_last_write_status", "ok") == "ok"
    return RedisHealth("REDIS_URL", int(memory["used_memory"]), int(memory.get("maxmemory") or 0), good)


async def redis_ahead_ms(redis: Redis) -> float:
    """Return by how much Redis' clock is ahead; half of the question's time is taken off."""
    before = time.time()
    with redis_errors("read the clock"):
        seconds, micros = await redis.time()
    return _ahead_ms(before, seconds + micros / 1e6)


async def workers(redis: Redis) -> tuple[int, list[LostWorker]]:
    """Return how many workers live, and those that went without a word."""
    seen = await WorkerRegistry(redis).all()
    now_ms = time.time() * 1000
    lost = [
        LostWorker(one.said.id, one.said.in_flight, max(0.0, (now_ms - one.seen_ms) / 1000))
        for one in seen
        if one.state == "lost"
    ]
    return sum(one.state == "live" for one in seen), lost


async def postgres_ahead_ms(settings: Settings) -> float:
    """Return by how much PostgreSQL's clock is ahead."""
    database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1, timeout_s=_TIMEOUT_S)
    try:
        await database.fetch("connect", "SELECT 1")
        before = time.time()
        rows = await database.fetch("read the clock", "SELECT extract(epoch FROM clock_timestamp()) AS now")
        return _ahead_ms(before, float(rows[0]["now"]))
    finally:
        await database.close()


async def clickhouse_facts(settings: Settings) -> tuple[float, list[Disk]]:
    """Return by how much ClickHouse's clock is ahead, and its disks."""
    clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
    try:
        await clickhouse.query("SELECT 1")
        before = time.time()
        rows = await clickhouse.query("SELECT toUnixTimestamp64Milli(now64(3))")
        ahead = _ahead_ms(before, float(str(rows[0][0])) / 1000)
        disks = await clickhouse.query("SELECT name, toString(total_space), toString(free_space) FROM system.disks")
    finally:
        await clickhouse.close()
    return ahead, [Disk(f"ClickHouse's disk {name}", int(str(size)), int(str(free))) for name, size, free in disks]


async def schema_of_postgres(settings: Settings) -> list[str]:
    """Return the migrations of this version that PostgreSQL lacks."""
    return sorted(await missing_in_postgres(settings))


async def schema_of_clickhouse(settings: Settings) -> list[str]:
    """Return the migrations of this version that ClickHouse lacks."""
    return sorted(await missing_in_clickhouse(settings))


def certificates(settings: Settings) -> dict[str, float]:
    """Return when each file's first certificate ends: those that are watched, and those that any engine is shown."""
    named = list(paths_of(settings.api.certificate_files))
    for group in dict(settings).values():
        fields = dict(group) if isinstance(group, BaseModel) else {}
        named += [str(path) for field, path in fields.items() if field.endswith(_CERTIFICATES)]
    return {path: ends_at_s(path) for path in dict.fromkeys(named) if path}


def disks(settings: Settings) -> Iterator[Disk]:
    """Yield the disk of the directory of objects, where they are in one."""
    folder = Path(settings.objects.directory)
    if not settings.objects.url and folder.is_dir():
        usage = shutil.disk_usage(folder)
        yield Disk(f"the disk of {folder}", usage.total, usage.free)


def _ahead_ms(before: float, theirs: float) -> float:
    after = time.time()
    return (theirs - (before + after) / 2) * 1000
