"""The context of a role in the test's own process, with a real log and Redis."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from connectors.kafka.log import KafkaLog
from schemas.settings import Settings
from streams.process.context import RoleContext
from streams.process.metrics import TakeTimes


@asynccontextmanager
async def role_context(
    kafka_bootstrap: str, redis_url: str, settings: Mapping[str, str], secrets: Mapping[str, str] | None = None
) -> AsyncIterator[RoleContext]:
    """Yield a context; what the role opens is closed at the end. ``secrets`` are variables that are no settings."""
    env = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "REDIS_URL": redis_url, **settings}
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        log, redis = KafkaLog(kafka_bootstrap, client_id="test"), Redis.from_url(redis_url)
        await log.start()
        made = RoleContext(
            settings=Settings.from_env(env),
            env={**env, **(secrets or {})},
            log=log,
            redis=redis,
            registry=registry,
            takes=TakeTimes(registry),
            stack=stack,
        )
        made.on_close(redis.aclose)
        made.on_close(log.stop)
        yield made
