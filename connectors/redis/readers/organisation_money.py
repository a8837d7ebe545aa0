"""What the table of money has of one organisation, whole: it travels when the organisation moves to another cell."""

import asyncio

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot, budgets_slot
from schemas.tables.budgets import ARRIVED

#: What belongs to the cell itself.
_OWN = frozenset({ARRIVED})


class OrganisationMoney:
    """Reads entries of organisations. ``partitions`` is that of ``cost-events``. Methods raise ``Unavailable``."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 5.0) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def fields(self, org_id: str) -> dict[str, str]:
        """Return an organisation's entries by name, as they are stored: spend, counters, budgets, reports."""
        return {name: value for name, value in (await self._entity(org_id)).items() if name not in _OWN}

    async def arrived(self, org_id: str) -> str:
        """Return the names of the parts that were taken in, as they are stored; empty without any."""
        return (await self._entity(org_id)).get(ARRIVED, "")

    async def held(self, org_id: str) -> int:
        """Return how many amounts are held for calls in flight."""
        found = await self._hash(budgets_slot(org_id, self._partitions).held(org_id), "read what is held")
        return sum(int(value) != 0 for value in found.values())

    async def folded(self, table: str, partitions: int) -> dict[int, int]:
        """Return the offset up to which each partition of a table's input is folded."""
        pipe = self._redis.pipeline(transaction=False)
        for partition in range(partitions):
            pipe.hget(Slot(table, partition).position, "offset")
        with redis_errors(f"read the positions of {table}"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        return {partition: int(offset) for partition, offset in enumerate(found) if offset is not None}

    async def _entity(self, org_id: str) -> dict[str, str]:
        key = budgets_slot(org_id, self._partitions).entity(org_id)
        return await self._hash(key, "read an organisation's money")

    async def _hash(self, key: str, what: str) -> dict[str, str]:
        with redis_errors(what):
            async with asyncio.timeout(self._timeout_s):
                found = await self._redis.hgetall(key)
        return {_text(name): _text(value) for name, value in found.items()}


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode()
