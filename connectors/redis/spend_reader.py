"""What organisations spent and what is held for calls under way, read from the tables of money in Redis."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import budgets_slot


@dataclass(frozen=True)
class Amounts:
    """One spend field, in nano-dollars."""

    spent_nano: int
    held_nano: int


class Spend:
    """Reads spend fields (see ``schemas.budgets``)."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def amounts(self, org_id: str, fields: Sequence[str]) -> list[Amounts]:
        """Return the amounts of the fields, in their order. Raises ``Unavailable``."""
        if not fields:
            return []
        slot = budgets_slot(org_id, self._partitions)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hmget(slot.entity(org_id), list(fields))
        pipe.hmget(slot.held(org_id), list(fields))
        with redis_errors("read spend"):
            async with asyncio.timeout(self._timeout_s):
                spent, held = await pipe.execute()
        return [Amounts(int(s or 0), int(h or 0)) for s, h in zip(spent, held, strict=True)]
