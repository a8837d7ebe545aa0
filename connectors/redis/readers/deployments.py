"""Reads the table of deployments: one rollout's head and the sums of its metrics, as of one moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot
from schemas.rollouts.plan import MOST_STEPS, Metric
from schemas.tables.deployments import HEAD, Head, Pair, decode, rollout_entity, sums_field
from topics.catalogue import TABLE_DEPLOYMENTS
from topics.partitioner import partition_for

_METRICS: tuple[Metric, ...] = get_args(Metric)
#: All that may be there: one command reads them, so that the sums are those of the head.
_SUMS = [(metric, sums_field(metric, step)) for metric in _METRICS for step in range(MOST_STEPS)]


@dataclass(frozen=True)
class RolloutTable:
    """What the fold has of a rollout: its newest deployment, and each metric's sums by step, in the order of steps."""

    head: Head
    sums: Mapping[Metric, tuple[Pair, ...]]


class DeploymentReader:
    """Reads the table. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def rollout(self, rollout: str) -> RolloutTable | None:
        """Return a rollout (``schemas.rollouts.plan.rollout_key``); ``None`` for one that the fold has never seen."""
        slot = Slot(TABLE_DEPLOYMENTS, partition_for(rollout.encode(), self._partitions))
        with redis_errors("read a rollout"):
            async with asyncio.timeout(self._timeout_s):
                found: Any = await self._redis.hmget(
                    slot.entity(rollout_entity(rollout)), [HEAD, *(field for _, field in _SUMS)]
                )
        head, *sums = found
        if head is None:
            return None
        pairs: dict[Metric, list[Pair]] = {metric: [] for metric in _METRICS}
        for (metric, field), data in zip(_SUMS, sums, strict=True):
            if data is not None:
                pairs[metric].append(decode(field, data))
        return RolloutTable(decode(HEAD, head), {metric: tuple(some) for metric, some in pairs.items()})
