"""Reads the facts. An engine that does not answer is a fact, too: the doctor is for sites that are half down."""

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from connectors.redis.client import connect
from connectors.redis.last_backup import last_backup
from deploy.doctor import kafka_facts, store_facts
from deploy.doctor.facts import Facts
from deploy.verify.asking import postgres_findings, redis_servers
from deploy.verify.findings import of_redis
from schemas.errors import AgentFlowError
from schemas.settings import Settings
from topics.catalogue import wanted

Read = TypeVar("Read")

PAUSE_S = 5.0


class _Away:
    """Engines that could not be read, each with the first reason."""

    def __init__(self) -> None:
        self.why: dict[str, str] = {}

    async def read(self, engine: str, reading: Awaitable[Read]) -> Read | None:
        """Return what is read; ``None``, and the reason kept, when its engine does not answer."""
        try:
            return await reading
        except (AgentFlowError, TimeoutError) as exc:
            self.why.setdefault(engine, str(exc) or type(exc).__name__)
            return None


async def gather(settings: Settings, *, pause_s: float = PAUSE_S, lag_limit: int = 10_000) -> Facts:
    """Return the facts of a site. ``pause_s`` is between the two looks at positions. Raises nothing for engines."""
    away = _Away()
    found: dict[str, Any] = {
        "certificates": store_facts.certificates(settings),
        "disks": list(store_facts.disks(settings)),
    }
    redis = connect(settings.redis.url.get_secret_value())
    try:
        found |= await _of_redis(settings, redis, away)
        found |= await _of_stores(settings, found, away)
        found |= await away.read("kafka", _of_kafka(settings, redis, away, pause_s)) or {}
    finally:
        await redis.aclose()
    return Facts(
        now_ms=int(time.time() * 1000),
        away=away.why,
        backup_max_age_s=settings.api.backup_max_age_s,
        lag_limit=lag_limit,
        **found,
    )


async def _of_redis(settings: Settings, redis: Any, away: _Away) -> dict[str, Any]:
    health = await away.read("redis", store_facts.redis_health(redis))
    if health is None:
        return {}
    servers = await away.read("redis", redis_servers(settings.redis.url.get_secret_value())) or []
    ahead = await away.read("redis", store_facts.redis_ahead_ms(redis))
    workers = await away.read("redis", store_facts.workers(redis))
    backup = await away.read("redis", last_backup(redis))
    return {
        "redis": [health],
        "unsafe": [(one.name, f"{one.what}: {one.why}", one.fix) for one in of_redis(servers)],
        "clocks_ms": {} if ahead is None else {"Redis": ahead},
        "live_workers": None if workers is None else workers[0],
        "workers": [] if workers is None else workers[1],
        "last_backup_ms": None if backup is None else backup.cut_at_ms,
    }


async def _of_stores(settings: Settings, before: dict[str, Any], away: _Away) -> dict[str, Any]:
    clocks, disks = dict(before.get("clocks_ms", {})), list(before["disks"])
    unsafe = await away.read("postgres", postgres_findings(settings.postgres.dsn.get_secret_value())) or []
    if (ahead := await away.read("postgres", store_facts.postgres_ahead_ms(settings))) is not None:
        clocks["PostgreSQL"] = ahead
    lacking = await away.read("postgres", store_facts.schema_of_postgres(settings))
    clickhouse = await away.read("clickhouse", store_facts.clickhouse_facts(settings))
    schema = {} if lacking is None else {"PostgreSQL": lacking}
    if clickhouse is not None:
        clocks["ClickHouse"] = clickhouse[0]
        disks += clickhouse[1]
        schema["ClickHouse"] = await away.read("clickhouse", store_facts.schema_of_clickhouse(settings)) or []
    said = [(one.name, f"{one.what}: {one.why}", one.fix) for one in unsafe]
    return {
        "clocks_ms": clocks,
        "disks": disks,
        "schema": schema,
        "unsafe": [*before.get("unsafe", []), *said],
    }


async def _of_kafka(settings: Settings, redis: Any, away: _Away, pause_s: float) -> dict[str, Any]:
    found: dict[str, Any] = {"differences": await kafka_facts.differences(settings)}
    async with kafka_facts.Brokers(settings.kafka.bootstrap) as brokers:
        ours = await brokers.names() & wanted([settings.api.default_org_id]).keys()
        partitions = await brokers.partitions(ours)
        counts: dict[str, int] = {}
        for one in partitions:
            counts[one.topic] = counts.get(one.topic, 0) + 1
        found |= {"partitions": partitions, "min_isr": await brokers.min_isr(ours), "idle_roles": await brokers.idle()}
        if "redis" not in away.why:
            readers = await away.read("redis", kafka_facts.readers(brokers, redis, counts, pause_s))
            places = await away.read("redis", kafka_facts.tables(brokers, settings, redis, counts))
            found |= {"readers": readers or [], "tables": places or []}
    return found
