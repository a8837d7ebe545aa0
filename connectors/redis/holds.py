"""Holds: money reserved before a call, one Lua call each, in the slot of the organisation's money.

Lua owns ``held``; only the fold of ``cost-events`` writes ``spent``. A hold books into every spend field of its call,
so that a budget made later sees it, and into the counter of every budget that has one. Limits may be over 2^53 nano-
dollars, which Lua's doubles do not hold: see ``has_room.lua``. It leaves in one of two ways: the fold releases it with
the call's settlement (``release_hold.lua``, in the fenced commit), or it expires: then its call, if the table knows
that it started, becomes a presumed settlement at the estimate. A hold whose call is in the log as started is put back
by the fold when Redis has lost it (``put_hold.lua``, in the commit). Until a rebuilt table may be trusted, every hold
is refused: money fails closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from redis.asyncio import Redis

from connectors.ports.engine import HoldEntry
from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot, budgets_slot
from connectors.redis.scripts import script
from schemas.budgets import (
    COUNTER_PREFIX,
    Budget,
    Policy,
    Spender,
    counted,
    counter_amounts,
    own_fields,
    spend_fields,
)
from schemas.errors import Unavailable
from schemas.records.money import CallStarted
from schemas.tables.budgets import cap_entity, settled_entity
from topics.codec import encode

_HOLD = script("hold_take")
_REASSERT = script("hold_reassert")
_EXPIRE = script("hold_expire")

_SEPARATOR = "\x1f"

#: Seconds to wait when a table says that it is being rebuilt but not until when.
REBUILDING_RETRY_S = 1.0
#: A new budget's counter is there when the budgets role has read the definition, which takes milliseconds.
UNDEFINED_RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Money that one call may cost.

    ``estimate_nano`` is an upper bound in nano-dollars, ``at_ms`` is now and the time whose windows the
    call books into. ``run_budget_nano`` is what the run's own cap leaves to this call; ``None`` without a
    cap. A call that ``can_step_down`` is refused by soft limits, too. ``counters`` are the fields of the counters under
    which it is held; the first hold finds them. ``caps`` are the caps that it counts against, of its run and those that
    started that, by run, as they were set at first. ``priced_as`` is the route whose price stands in for the model's.
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
    node_id: str = ""
    prompt_name: str = ""
    can_step_down: bool = False
    counters: tuple[str, ...] = ()
    caps: Mapping[str, int] = field(default_factory=dict)
    priced_as: str = ""

    @property
    def spender(self) -> Spender:
        """What budgets can name of the call."""
        node = f"{self.workflow}/{self.node_id}"
        return Spender(self.workflow, self.provider, self.model, node, self.prompt_name, self.tags)

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
            node_id=self.node_id,
            prompt_name=self.prompt_name,
            counters=list(self.counters),
            caps=sorted(self.caps),
            priced_as=self.priced_as,
        )


@dataclass(frozen=True, slots=True)
class Held:
    """The money is reserved. The call's settlement must carry this ``booked_at_ms``.

    A call that was held before keeps the time, amount and counters of its first hold.
    """

    booked_at_ms: int
    amount_nano: int
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A budget has no room. ``opens_at_ms`` is when there may be some again, ``None`` when there never will.

    ``policy`` is what the budget wants done, ``run_id`` is there when it is the cap of a run. Of a sliding window, it
    is when enough has left it.
    """

    budget_id: str
    budget_name: str
    limit_nano: int
    spent_nano: int
    held_nano: int
    opens_at_ms: int | None
    policy: Policy = "reject"
    run_id: str = ""


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

    def applying(self, org_id: str, call: Spender) -> Sequence[Budget]:
        """Return every budget that such a call spends of. Raises ``Unavailable`` while they are not known."""
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
        budgets = self._budgets.applying(request.org_id, request.spender)
        request = replace(request, counters=tuple(own_fields(budgets, request.at_ms)))
        limiting = [limit for limit in (_limit(budget, request) for budget in budgets) if limit is not None]
        slot = budgets_slot(request.org_id, self._partitions)
        verdict, *reply = await self._ask_hold(slot, request, limiting)
        match verdict:
            case b"held":
                fields = reply[2].decode().split(_SEPARATOR)
                own = tuple(field for field in fields if field.startswith(COUNTER_PREFIX))
                return Held(int(reply[0]), int(reply[1]), own)
            case b"settled":
                return AlreadySettled(request.call_id)
            case b"rebuilding":
                raise _rebuilding(request, int(reply[0]) if reply else None)
            case b"undefined":
                raise _undefined(limiting[int(reply[0]) - 1].budget)
        place, spent = int(reply[0]) - 1, reply[1].decode()
        if place >= len(limiting):
            return _over_cap_of(list(request.caps.items())[place - len(limiting)], int(spent), int(reply[2]))
        return _refused(limiting[place], request, spent, int(reply[2]))

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

    async def _ask_hold(self, slot: Slot, request: HoldRequest, limits: "Sequence[_Limit]") -> list[bytes]:
        keys = [
            slot.position,
            slot.entity(settled_entity(request.call_id)),
            slot.hold(request.call_id),
            slot.entity(request.org_id),
            slot.held(request.org_id),
        ]
        asked = [part for limit in limits for part in _asked(limit, request.at_ms)]
        for run_id, cap_nano in request.caps.items():
            asked += (cap_entity(run_id), "", "", cap_entity(run_id), cap_nano)
        stored = _stored(request, request.at_ms + self._ttl_ms)
        with redis_errors(f"hold money for {request.call_id}"):
            reply: list[bytes] = await self._hold(
                keys=keys, args=[slot.prefix, request.at_ms, len(asked) // 5, *stored, *asked]
            )
        return reply


def entry_of(call: CallStarted) -> HoldEntry:
    """Return the hold of a call, as a table keeps it."""
    fields = spend_fields(call.workflow_name, call.provider, call.model, call.booked_at_ms)
    fields += [*call.counters, *map(cap_entity, call.caps)]
    return HoldEntry(
        call.amount_nano,
        call.org_id,
        call.call_id,
        call.expires_at_ms,
        call.booked_at_ms,
        encode(call.expired()),
        _SEPARATOR.join(fields),
    )


class _Limit(NamedTuple):
    """A budget that limits a call, and at which amount."""

    budget: Budget
    limit_nano: int


def _limit(budget: Budget, request: HoldRequest) -> _Limit | None:
    """Return what a budget allows a call: nothing is limited by one that is paused, or that only reports."""
    if budget.paused or budget.on_exceeded == "alert":
        return None
    soft = budget.soft_limit_nano if budget.on_exceeded == "step_down" and request.can_step_down else None
    return _Limit(budget, budget.limit_nano if soft is None else min(soft, budget.limit_nano))


def _asked(limit: _Limit, at_ms: int) -> tuple[str | int, ...]:
    budget = limit.budget
    first, last = ("", "") if budget.is_shared else budget.windows.counted(at_ms)
    return budget.field(at_ms), first, last, budget.held_field(at_ms), limit.limit_nano


def _refused(limit: _Limit, request: HoldRequest, stored: str, held_nano: int) -> Refused:
    budget, windows = limit.budget, limit.budget.windows
    if budget.is_shared:
        spent, opens = int(stored), windows.next_start(request.at_ms)
    else:
        amounts = counter_amounts(stored)
        spent, opens = counted(amounts, windows, request.at_ms), windows.next_start(request.at_ms)
        if windows.sliding:
            over = spent + held_nano + request.estimate_nano - limit.limit_nano
            opens = windows.opens(amounts, over, request.at_ms)
    return Refused(budget.id, budget.name, limit.limit_nano, spent, held_nano, opens, budget.on_exceeded)


def _undefined(budget: Budget) -> Unavailable:
    return Unavailable("budgets", f"budget {budget.name!r} is new and is not counted yet", UNDEFINED_RETRY_S)


def _stored(request: HoldRequest, expires_at_ms: int) -> HoldEntry:
    return entry_of(request.started(expires_at_ms))


def _over_run_cap(request: HoldRequest) -> Refused | None:
    """Return the refusal of the run's own cap; the request carries what is left of it."""
    left = request.run_budget_nano
    if left is None or request.estimate_nano <= left:
        return None
    return Refused(f"run:{request.run_id}", "the run's own budget", left, 0, 0, None)


def _over_cap_of(cap: tuple[str, int], spent_nano: int, held_nano: int) -> Refused:
    """Return the refusal of a run's cap, which other calls spend of, too."""
    run_id, cap_nano = cap
    return Refused(f"run:{run_id}", "the run's own budget", cap_nano, spent_nano, held_nano, None, run_id=run_id)


def _rebuilding(request: HoldRequest, open_at_ms: int | None) -> Unavailable:
    wait_s = REBUILDING_RETRY_S if open_at_ms is None else max(0.05, (open_at_ms - request.at_ms) / 1000)
    return Unavailable("budgets", "this organisation's spend is being rebuilt; no money is held until then", wait_s)
