"""Callers in processes of their own that spend one budget at once, on a real Redis.

Each holds what a call may cost at most, waits as a provider would, and settles at random: at less, at nothing, at the
estimate that nobody corrects, or first at the estimate and then at less. The settlements go to a list in Redis, which
is the log; the process that started the callers folds it in order.
"""

import asyncio
import random
from dataclasses import dataclass
from multiprocessing import get_context

import msgspec
from redis.asyncio import Redis

from bench.budgets.table import PARTITIONS, MoneyTable
from connectors.redis.holds import Held, HoldRequest, RedisHolds
from schemas.budgets import USER_TAG, Budget
from schemas.clock import now_ms
from schemas.records.budgets import BudgetDefined
from schemas.records.definitions import Definition
from schemas.records.money import CostEvent
from services.budgets.definitions import BudgetDefinitions

LIMIT_NANO = 1_000_000_000
#: Of one call, at most: two hundredths of the limit.
MOST_NANO = LIMIT_NANO // 50
USER = "ada"
BUDGET_ID = "bud"
#: So often in a row a caller is refused before it gives up.
PATIENCE = 25
TTL_MS = 60_000
#: Processes take seconds to start on a loaded machine.
SILENT_S = 120
_END = b"end"


@dataclass(frozen=True)
class Spent:
    """What came of it: the most that was spent and held over the limit, and the share of the limit that was spent.

    ``differences`` is by how much the table that was folded again differs from the live one, in nano-dollars.
    """

    over_nano: int
    used: float
    calls: int
    differences: int


def budget_of(org_id: str) -> Budget:
    """Return the budget that all spend: a user's, by the hour of a zone, so that it has a counter of its own."""
    return Budget(
        id=BUDGET_ID,
        org_id=org_id,
        name="one dollar",
        scope="user",
        target=USER,
        period="quarter",
        timezone="Asia/Kathmandu",
        limit_nano=LIMIT_NANO,
    )


def spend(redis_url: str, processes: int, callers: int, seed: int) -> Spent:
    """Let so many callers in each of so many processes spend the budget until nothing fits."""
    return asyncio.run(_spend(redis_url, processes, callers, seed))


async def _spend(redis_url: str, processes: int, callers: int, seed: int) -> Spent:
    redis: Redis = Redis.from_url(redis_url)
    org_id = f"org-{seed}-{now_ms()}"
    table = MoneyTable(redis, org_id)
    try:
        await table.start(now_ms())
        budget = budget_of(org_id)
        told = BudgetDefined(
            org_id=org_id,
            budget_id=budget.id,
            version=1,
            name=budget.name,
            scope=budget.scope,
            target=budget.target,
            period=budget.period,
            timezone=budget.timezone,
            limit_nano=budget.limit_nano,
        )
        await table.fold(told, now_ms())
        start = get_context("spawn").Process
        started = [start(target=_process, args=(redis_url, org_id, callers, seed * 100 + n)) for n in range(processes)]
        for process in started:
            process.start()
        over = await _folded(redis, table, processes)
        for process in started:
            await asyncio.to_thread(process.join)
        return await _judged(table, over)
    finally:
        await table.remove()
        await redis.unlink(_log(org_id))
        await redis.aclose()


async def _folded(redis: Redis, table: MoneyTable, processes: int) -> int:
    """Fold the log until every process has ended; return the most by which spent was over the limit at any prefix."""
    decoder, over, ended, silent_s = msgspec.json.Decoder(CostEvent), 0, 0, 0
    spent: dict[str, tuple[str, int]] = {}
    while ended < processes:
        found = await redis.blpop([_log(table.org_id)], timeout=1)
        if found is None:
            silent_s += 1
            assert silent_s < SILENT_S, "the callers say nothing"
            continue
        silent_s = 0
        if found[1] == _END:
            ended += 1
            continue
        event = decoder.decode(found[1])
        await table.fold(event, now_ms())
        if spent.get(event.call_id, ("presumed", 0))[0] == "presumed":
            spent[event.call_id] = event.kind, event.amount_nano
        over = max(over, sum(amount for _, amount in spent.values()) - LIMIT_NANO)
    return over


async def _judged(table: MoneyTable, over: int) -> Spent:
    counter = f"c:{BUDGET_ID}"
    live = await table.stored()
    spent = sum(int(pair.partition(":")[2]) for pair in live[counter].split())
    calls = len({event.call_id for event, _ in table.log if isinstance(event, CostEvent)})
    assert await table.held() == {}, "something is held and nobody calls"
    await table.restore()
    again = await table.stored()
    amounts = sum(abs(_nano(live.get(name)) - _nano(again.get(name))) for name in live.keys() | again.keys())
    return Spent(max(0, over), spent / LIMIT_NANO, calls, amounts + (live != again))


def _nano(stored: str | None) -> int:
    """Return a stored amount, or the sum of a counter; what is no amount is compared as text."""
    pairs = (stored or "").split()
    values = [pair.rpartition(":")[2] for pair in pairs]
    return sum(map(int, values)) if all(value.lstrip("-").isdigit() for value in values) else 0


def _process(redis_url: str, org_id: str, callers: int, seed: int) -> None:
    asyncio.run(_call(redis_url, org_id, callers, seed))


async def _call(redis_url: str, org_id: str, callers: int, seed: int) -> None:
    redis: Redis = Redis.from_url(redis_url)
    definitions, budget = BudgetDefinitions(), budget_of(org_id)
    definitions.apply(Definition(kind="budget", org_id=org_id, id=budget.id, body=budget.body(), changed_at_ms=0))
    definitions.mark_loaded()
    holds = RedisHolds(redis, definitions, PARTITIONS, TTL_MS)
    try:
        await asyncio.gather(*(_caller(redis, holds, org_id, f"{seed}-{n}") for n in range(callers)))
    finally:
        await redis.rpush(_log(org_id), _END)
        await redis.aclose()


async def _caller(redis: Redis, holds: RedisHolds, org_id: str, name: str) -> None:
    rng, refused, number = random.Random(name), 0, 0  # noqa: S311 - a simulation, no secret
    while refused < PATIENCE:
        number += 1
        request = _request(org_id, f"{name}-{number}", rng.randrange(1, MOST_NANO))
        held = await holds.hold(request)
        if not isinstance(held, Held):
            refused += 1
            await asyncio.sleep(rng.random() / 50)
            continue
        refused = 0
        await asyncio.sleep(rng.random() / 100)
        for event in _settlements(request, held, rng.choice(_ENDS), rng):
            await redis.rpush(_log(org_id), msgspec.json.encode(event))


def _settlements(request: HoldRequest, held: Held, end: str, rng: random.Random) -> list[CostEvent]:
    presumed = msgspec.structs.replace(request.started(0).presumed(), booked_at_ms=held.booked_at_ms)
    cost = 0 if end == "failed" else rng.randrange(request.estimate_nano // 3, request.estimate_nano + 1)
    actual = msgspec.structs.replace(presumed, kind="actual", amount_nano=cost)
    return {"presumed": [presumed], "corrected": [presumed, actual, actual]}.get(end, [actual])


_ENDS = ("answered", "answered", "answered", "failed", "presumed", "corrected")


def _request(org_id: str, call_id: str, estimate_nano: int) -> HoldRequest:
    return HoldRequest(
        org_id=org_id,
        call_id=call_id,
        run_id="run",
        step_id="step",
        workflow="flow",
        provider="local",
        model="local-silver",
        estimate_nano=estimate_nano,
        at_ms=now_ms(),
        run_budget_nano=None,
        tags={USER_TAG: USER},
        price_version="v",
    )


def _log(org_id: str) -> str:
    return f"bench:budgets:{org_id}"
