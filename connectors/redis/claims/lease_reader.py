"""Who works on attempts, read from their claims by people who wait for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot


@dataclass(frozen=True)
class Holder:
    """A worker that works on an attempt; its lease ends at ``until_ms`` unless it renews it."""

    worker_id: str
    until_ms: int


class LeaseReader:
    """Reads claims. Takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: "Redis", partitions: int, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def holders(self, run_id: str, request_ids: Sequence[str]) -> dict[str, Holder]:
        """Return who holds which of a run's attempts, those that nobody holds left out."""
        slot = runs_slot(run_id, self._partitions)
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for request_id in request_ids:
            pipe.hmget(slot.claim(request_id), "state", "owner", "until")
        with redis_errors("read claims"):
            async with asyncio.timeout(self._timeout_s):
                (seconds, micros), *found = await pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        held = {}
        for request_id, (state, owner, until) in zip(request_ids, found, strict=True):
            if state == b"running" and owner and int(until) > now_ms:
                # The owner is its name and what tells processes of one name apart.
                held[request_id] = Holder(owner.decode().rpartition("/")[0], int(until))
        return held
