"""Holds: money reserved before a call, one Lua call each, in the slot of the organisation's money.

Lua owns ``held``; only the fold of ``cost-events`` writes ``spent``. A hold books into every spend field of
its call, so that a budget made later sees it. It leaves in one of two ways: the fold releases it with the
call's settlement (``release_hold.lua``, in the fenced commit), or it expires: then its call, if the table knows that it
started, becomes a presumed settlement at the estimate. A hold whose call is in the log as started is put back by the
fold when Redis has lost it (``put_hold.lua``, in the commit). Until a rebuilt table may be trusted, every hold is
refused: money fails closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from connectors.ports.engine import HoldEntry
from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot, budgets_slot
from connectors.redis.scripts import script
from schemas.budgets import Budget, opens_at_ms, spend_fields
from schemas.errors import Unavailable
from schemas.records.money import CallStarted
from schemas.tables.budgets import settled_entity
from topics.codec import encode

_HOLD = script("hold_take")
_REASSERT = script("hold_reassert")
_EXPIRE = script("hold_expire")

_SEPARATOR = "\x1f"

#: Seconds to wait when a table says that it is being rebuilt but not until when.
REBUILDING_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Money that one call may cost.

    ``estimate_nano`` is an upper bound in nano-dollars, ``at_ms`` is now and the time whose windows the
    call books into. ``run_budget_nano`` is what the run's own cap leaves to this call; ``None`` without a
    cap.
    """

    org_id: str
    call_id: str
    run_id: str
    step_id: str
    workflow: str
    provider: str
    model: str
    estimate_nano: int
    at_ms: int
    run_budget_nano: int | None
    tags: dict[str, str]
    price_version: str

    def started(self, expires_at_ms: int) -> CallStarted:
        """Return the call as the log knows it once it is made, and as the hold knows it until then."""
        return CallStarted(
            call_id=self.call_id,
            org_id=self.org_id,
            run_id=self.run_id,
            step_id=self.step_id,
            workflow_name=self.workflow,
            provider=self.provider,
            model=self.model,
            amount_nano=self.estimate_nano,
            booked_at_ms=self.at_ms,
            expires_at_ms=expires_at_ms,
            price_version=self.price_version,
            tags=self.tags,
        )


@dataclass(frozen=True, slots=True)
class Held:
    """The money is reserved. The call's settlement must carry this ``booked_at_ms``.

    A call that was held before keeps the time and amount of its first hold.
    """

    booked_at_ms: int
    amount_nano: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A budget has no room. ``opens_at_ms`` is when its next window opens, ``None`` when it never does."""

    budget_id: str
    budget_name: str
    limit_nano: int
    spent_nano: int
    held_nano: int
    opens_at_ms: int | None


@dataclass(frozen=True, slots=True)
class AlreadySettled:
    """The call was settled before and cannot be held again: to repeat it is another call, with another id."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Expired:
    """A hold that outlived its call: ``record`` is the presumed settlement's bytes, for ``cost-events``."""

    org_id: str
    record: bytes


class Budgets(Protocol):
    """Where the budgets that apply to a call come from."""

    def applying(self, org_id: str, workflow: str, provider: str, model: str) -> Sequence[Budget]:
        """Return every budget that limits such a call. Raises ``Unavailable`` while they are not known."""
        ...


class RedisHolds:
    """Holds in Redis.

    ``partitions`` is the partition count of ``cost-events``; a hold expires ``ttl_ms`` after it was taken,
    unless it is asserted again. Every method raises ``Unavailable`` when Redis does not answer.
    """

    def __init__(self, redis: Redis, budgets: Budgets, partitions: int, ttl_ms: int) -> None:
        self._redis = redis
        self._budgets = budgets
        self._partitions = partitions
        self._ttl_ms = ttl_ms
        self._hold = redis.register_script(_HOLD)
        self._reassert = redis.register_script(_REASSERT)
        self._expire = redis.register_script(_EXPIRE)

    async def hold(self, request: HoldRequest) -> Held | Refused | AlreadySettled:
        """Reserve the estimate in every budget that applies, or in none.

        Holding a held call again is the same as holding it once. Raises ``Unavailable("budgets", …)`` while
        the organisation's spend is being rebuilt.
        """
        over_cap = _over_run_cap(request)
        if over_cap is not None:
            return over_cap
        budgets = self._budgets.applying(request.org_id, request.workflow, request.provider, request.model)
        slot = budgets_slot(request.org_id, self._partitions)
        reply = await self._ask_hold(slot, request, budgets)
        verdict = reply[0]
        if verdict == b"held":
            return Held(int(reply[1]), int(reply[2]))
        if verdict == b"settled":
            return AlreadySettled(request.call_id)
        if verdict == b"rebuilding":
            raise _rebuilding(request, int(reply[1]) if len(reply) > 1 else None)
        budget = budgets[int(reply[1]) - 1]
        opens = opens_at_ms(budget.period, request.at_ms)
        return Refused(budget.id, budget.name, budget.limit_nano, int(reply[2]), int(reply[3]), opens)

    async def reassert(self, request: HoldRequest, expires_at_ms: int) -> bool:
        """Say that the call lives: put its hold back if it is gone and let it expire no sooner than given.

        Asks no budget and works while the table is rebuilt, since the money may be spent already. Returns
        ``False`` when the call is settled: nothing is held.
        """
        slot = budgets_slot(request.org_id, self._partitions)
        keys = [slot.entity(settled_entity(request.call_id)), slot.hold(request.call_id)]
        with redis_errors(f"reassert the hold of {request.call_id}"):
            reply = await self._reassert(keys=keys, args=[slot.prefix, *_stored(request, expires_at_ms)])
        return bool(reply == b"held")

    async def load_presumed(self, partition: int, call_ids: Sequence[str]) -> list[Expired]:
        """Return the presumed settlements of expired holds. Those of calls that are not under way are only released."""
        slot = Slot("budgets", partition)
        with redis_errors(f"expired holds of partition {partition}"):
            flat = await self._expire(keys=[slot.timers], args=[slot.prefix, *call_ids])
        pairs = iter(flat)
        return [Expired(org.decode(), record) for org, record in zip(pairs, pairs, strict=True)]

    async def _ask_hold(self, slot: Slot, request: HoldRequest, budgets: Sequence[Budget]) -> list[bytes]:
        keys = [
            slot.position,
            slot.entity(settled_entity(request.call_id)),
            slot.hold(request.call_id),
            slot.entity(request.org_id),
            slot.held(request.org_id),
        ]
        limits = [part for b in budgets for part in (b.field(request.at_ms), b.limit_nano)]
        stored = _stored(request, request.at_ms + self._ttl_ms)
        with redis_errors(f"hold money for {request.call_id}"):
            reply: list[bytes] = await self._hold(
                keys=keys, args=[slot.prefix, request.at_ms, len(budgets), *stored, *limits]
            )
        return reply


def entry_of(call: CallStarted) -> HoldEntry:
    """Return the hold of a call, as a table keeps it."""
    fields = spend_fields(call.workflow_name, call.provider, call.model, call.booked_at_ms)
    return HoldEntry(
        call.amount_nano,
        call.org_id,
        call.call_id,
        call.expires_at_ms,
        call.booked_at_ms,
        encode(call.expired()),
        _SEPARATOR.join(fields),
    )


def _stored(request: HoldRequest, expires_at_ms: int) -> HoldEntry:
    return entry_of(request.started(expires_at_ms))


def _over_run_cap(request: HoldRequest) -> Refused | None:
    """Return the refusal of the run's own cap; the request carries what is left of it."""
    left = request.run_budget_nano
    if left is None or request.estimate_nano <= left:
        return None
    return Refused(f"run:{request.run_id}", "the run's own budget", left, 0, 0, None)


def _rebuilding(request: HoldRequest, open_at_ms: int | None) -> Unavailable:
    wait_s = REBUILDING_RETRY_S if open_at_ms is None else max(0.05, (open_at_ms - request.at_ms) / 1000)
    return Unavailable("budgets", "this organisation's spend is being rebuilt; no money is held until then", wait_s)
