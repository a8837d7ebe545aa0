"""What tests of quotas share: a clock of their own, calls that ask, and what Redis keeps of them."""

from collections.abc import Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from schemas.limits.quotas import Ask, Limit, Scope, Usage
from schemas.spec.policy import Tier

MINUTE_MS, DAY_MS = 60_000, 86_400_000
NOW_MS = 1_795_305_600_000.0  # midnight, UTC
#: Where the limits of ``scope()`` are.
KEY = "{quota}:all:openai"


class Time:
    """The clock of the script."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> float:
        return self.ms


async def forget(redis: Redis) -> None:
    """Remove all quotas."""
    if keys := [key async for key in redis.scan_iter("{quota}*")]:
        await redis.unlink(*keys)


def ask(n: int, org: str = "acme", tier: Tier = "silver", workflow: str = "flow", usage: Usage | None = None) -> Ask:
    """Return the ``n``-th call of a flow."""
    named = f"{org}:{workflow}:{tier}:{n}"
    return Ask(org, workflow, tier, "openai", "gpt", "k", named, f"{named}:ticket", usage or Usage(1, 100, 50), 60_000)


def scope(*limits: Limit, key: str = "all:openai") -> Scope:
    """Return a scope of these limits."""
    return Scope(key, "openai", limits)


def each_ms(limit: int) -> float:
    """Return the ms that a unit takes of a minute: as many as may come at once are left out of the rate."""
    return MINUTE_MS / ((limit - max(1.0, limit / 100) + 1) * 0.998)


async def state(redis: Redis, key: str = KEY) -> dict[str, str]:
    """Return what is stored of a scope's limits."""
    return {name.decode(): value.decode() for name, value in (await redis.hgetall(key)).items()}


class Queue(NamedTuple):
    """The queue of a scope that is short: virtual times of flows, and of the tickets that wait."""

    flows: Mapping[str, float]
    wait: Mapping[str, float]
    until: Mapping[str, float]
    seen: Mapping[str, float]
    cost: frozenset[str]


async def queue(redis: Redis, key: str = KEY) -> Queue:
    """Return the queue of a scope."""
    flows = {name.decode(): float(value) for name, value in (await redis.hgetall(f"{key}:flows")).items()}
    wait, until, seen = [await scores(redis, f"{key}:{part}") for part in ("wait", "until", "seen")]
    cost = frozenset([name.decode() for name in await redis.hkeys(f"{key}:cost")])
    return Queue(flows, wait, until, seen, cost)


async def scores(redis: Redis, key: str) -> dict[str, float]:
    """Return the members of a sorted set by their scores."""
    return {name.decode(): score for name, score in await redis.zrange(key, 0, -1, withscores=True)}
