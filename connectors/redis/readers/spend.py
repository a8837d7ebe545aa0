"""What organisations spent and what is held for calls in flight, read from the tables of money in Redis."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import budgets_slot
from schemas.budgets import Budget, counted, counter_amounts
from schemas.tables.budgets import DEFINED, DefinedBudget

_DEFINITIONS = msgspec.json.Decoder(tuple[DefinedBudget, ...])


@dataclass(frozen=True)
class Amounts:
    """What a budget's present window has, in nano-dollars.

    ``counted_since_ms`` is the time from which all is counted; ``None`` where there is no such time, because spend of
    its kind is always counted, or is not counted yet.
    """

    spent_nano: int
    held_nano: int
    counted_since_ms: int | None = None


class Spend:
    """Reads spend fields and counters (see ``schemas.budgets``)."""

    def __init__(self, redis: Redis, partitions: int, timeout_s: float = 1.5) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def amounts(self, org_id: str, budgets: Sequence[Budget], at_ms: int) -> list[Amounts]:
        """Return what is spent and held of budgets in the windows of a time, in their order. Raises ``Unavailable``."""
        if not budgets:
            return []
        (found,) = await self.amounts_of({org_id: budgets}, at_ms)
        return found

    async def amounts_of(self, budgets: Mapping[str, Sequence[Budget]], at_ms: int) -> list[list[Amounts]]:
        """Return what ``amounts`` says of budgets by organisation, in their order, in one request.

        Each organisation has at least one budget. Raises ``Unavailable``.
        """
        pipe = self._redis.pipeline(transaction=False)
        for org_id, some in budgets.items():
            slot = budgets_slot(org_id, self._partitions)
            pipe.hmget(slot.entity(org_id), [DEFINED, *(budget.field(at_ms) for budget in some)])
            pipe.hmget(slot.held(org_id), [budget.held_field(at_ms) for budget in some])
        with redis_errors("read spend"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        rows = zip(budgets.values(), found[::2], found[1::2], strict=True)
        return [_all_amounts(some, spent, held, at_ms) for some, spent, held in rows]

    async def defined(self, org_id: str) -> tuple[DefinedBudget, ...]:
        """Return an organisation's budgets as they are counted. Raises ``Unavailable``."""
        slot = budgets_slot(org_id, self._partitions)
        with redis_errors("read budgets"):
            async with asyncio.timeout(self._timeout_s):
                (found,) = await self._redis.hmget(slot.entity(org_id), [DEFINED])
        return _defined(found if isinstance(found, bytes) else None)


def _defined(data: bytes | None) -> tuple[DefinedBudget, ...]:
    return _DEFINITIONS.decode(data) if data else ()


def _all_amounts(
    budgets: Sequence[Budget], found: Sequence[bytes | None], held: Sequence[bytes | None], at_ms: int
) -> list[Amounts]:
    definitions, *spent = found
    since = {one.budget.budget_id: one.since_ms for one in _defined(definitions)}
    pairs = zip(budgets, spent, held, strict=True)
    return [_amounts(budget, text or b"", int(in_flight or 0), since, at_ms) for budget, text, in_flight in pairs]


def _amounts(budget: Budget, spent: bytes, held: int, since: Mapping[str, int], at_ms: int) -> Amounts:
    if budget.is_shared:
        return Amounts(int(spent or 0), held)
    return Amounts(counted(counter_amounts(spent.decode()), budget.windows, at_ms), held, since.get(budget.id))
