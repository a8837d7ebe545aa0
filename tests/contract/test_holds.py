"""Holds on a real Redis: never over a limit, released by a settlement's commit, closed while rebuilding."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis

from connectors.ports.engine import Answer, Commit, OutRecord, Position, hold_timer
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import AlreadySettled, Held, HoldRequest, RedisHolds, Refused, entry_of
from connectors.redis.keys import Slot, budgets_slot
from schemas.budgets import Budget, Period, Scope, spend_fields
from schemas.errors import Unavailable
from schemas.records.definitions import Definition
from schemas.records.money import CostEvent
from schemas.records.run_caps import RunReserved
from services.budgets.definitions import BudgetDefinitions
from streams.core.budgets.fold import BudgetsFold, MoneyEvent
from streams.core.commands import Hold, Release
from streams.roles.budgets import PresumedSettlements
from topics.catalogue import COST_EVENTS
from topics.codec import decode

pytestmark = pytest.mark.asyncio

#: So many partitions that every organisation, and so every test, has one for itself.
PARTITIONS = 1 << 30
TTL_MS = 60_000
NOW = 1_795_305_600_000  # 2026-11-22T00:00:00Z
NOV_30 = NOW + 8 * 86_400_000
DEC_1 = NOV_30 + 86_400_000
DEC_31 = DEC_1 + 30 * 86_400_000
INCARNATION = "cluster/topic"


class Ledger:
    """One organisation's money: its holds, its table as the engine drives it, and what Redis keeps."""

    def __init__(self, redis: Redis) -> None:
        self.org = f"org-{uuid.uuid4().hex}"
        self.redis = redis
        self.slot: Slot = budgets_slot(self.org, PARTITIONS)
        self.definitions = BudgetDefinitions()
        self.definitions.mark_loaded()
        self.holds = RedisHolds(redis, self.definitions, PARTITIONS, TTL_MS)
        self.table = RedisTable(redis, "budgets")
        self.offset = 0
        self.epoch = 0

    async def take(self) -> None:
        """Become the owner of a partition whose table is still to be rebuilt."""
        self.epoch = (await self.table.take(self.slot.partition, INCARNATION)).epoch
        await self.table.begin(self.slot.partition, self.epoch, INCARNATION, Position(self.offset, NOW))

    async def open(self, at_ms: int = NOW) -> None:
        assert await self.table.open(self.slot.partition, self.epoch, at_ms) is Answer.OK

    async def commit(self, settled: str | None = None, released: str | None = None, **spent: int) -> None:
        """Commit as the fold of a settlement does."""
        change = Commit(self.epoch, self.offset, self.offset + 1, NOW)
        self.offset += 1
        if spent:
            change.puts[self.org] = {_field(name): b"%d" % amount for name, amount in spent.items()}
        if settled is not None:
            change.puts[f"settled:{settled}"] = {"settlement": b"[1]"}
        if released is not None:
            change.releases.append((self.org, released))
        assert await self.table.commit(self.slot.partition, change) is Answer.OK

    def budget(
        self, name: str, limit: int, scope: Scope = "org", target: str | None = None, period: Period = "total"
    ) -> None:
        budget = Budget(
            id=name,
            org_id=self.org,
            name=f"the {name}",
            scope=scope,
            target=target,
            period=period,
            limit_nano=limit,
        )
        self.definitions.apply(
            Definition(kind="budget", org_id=self.org, id=name, body=budget.model_dump(), changed_at_ms=NOW)
        )

    def request(self, call: str, estimate: int, at_ms: int = NOW, model: str = "m1") -> HoldRequest:
        return HoldRequest(
            org_id=self.org,
            call_id=call,
            run_id="run",
            step_id="step",
            workflow="wf",
            provider="p",
            model=model,
            estimate_nano=estimate,
            at_ms=at_ms,
            run_budget_nano=None,
            tags={"team": "blue"},
            price_version="v1",
        )

    async def held(self) -> dict[str, int]:
        return {k.decode(): int(v) for k, v in (await self.redis.hgetall(self.slot.held(self.org))).items()}

    async def timers(self) -> dict[str, int]:
        return {d.member: d.due_ms for d in await self.table.due(self.slot.partition, 2**53, 1_000)}

    async def traces(self) -> list[bytes]:
        """Everything in Redis that a hold leaves, to be empty at the end."""
        keys = [self.slot.held(self.org), self.slot.timers]
        found = [k.encode() for k in keys if await self.redis.exists(k)]
        return found + [k async for k in self.redis.scan_iter(f"{self.slot.prefix}:hold:*")]


def _field(name: str) -> str:
    return {"total": "org|total", "month": "org|month:2026-11", "day": "org|day:2026-11-22"}[name]


def fields(at_ms: int = NOW, model: str = "m1") -> list[str]:
    return spend_fields("wf", "p", model, at_ms)


@pytest.fixture
async def money(redis: Redis) -> AsyncIterator[Ledger]:
    """An organisation with an open table, nothing spent and no budgets."""
    ledger = Ledger(redis)
    await ledger.take()
    await ledger.open()
    yield ledger
    doomed = [key async for key in redis.scan_iter(f"{ledger.slot.prefix}:*")]
    await redis.unlink(*doomed)


async def test_a_hold_counts_in_every_dimension_and_window(money: Ledger) -> None:
    assert await money.holds.hold(money.request("c1", 70)) == Held(NOW, 70)
    assert await money.held() == dict.fromkeys(fields(), 70)
    assert await money.timers() == {hold_timer("c1"): NOW + TTL_MS}


async def test_a_hold_that_fills_the_limit_fits_and_one_nano_more_does_not(money: Ledger) -> None:
    money.budget("cap", 100)
    await money.commit(total=30)
    assert isinstance(await money.holds.hold(money.request("c1", 70)), Held)
    refusal = await money.holds.hold(money.request("c2", 1))
    assert refusal == Refused("cap", "the cap", 100, 30, 70, None)
    assert await money.held() == dict.fromkeys(fields(), 70)
    assert list(await money.timers()) == [hold_timer("c1")]


async def test_one_full_budget_among_many_refuses_and_nothing_is_held(money: Ledger) -> None:
    money.budget("a-roomy", 1_000)
    money.budget("b-tight", 10, "model", "m1")
    refusal = await money.holds.hold(money.request("c1", 11))
    assert isinstance(refusal, Refused)
    assert refusal.budget_id == "b-tight"
    assert await money.traces() == []


async def test_a_budget_of_another_scope_does_not_apply(money: Ledger) -> None:
    money.budget("other-model", 0, "model", "m2")
    money.budget("other-workflow", 0, "workflow", "another")
    money.budget("other-provider", 0, "provider", "another")
    assert isinstance(await money.holds.hold(money.request("c1", 5)), Held)
    refusal = await money.holds.hold(money.request("c2", 5, model="m2"))
    assert isinstance(refusal, Refused)
    assert refusal.budget_id == "other-model"


async def test_a_budget_made_later_sees_live_holds(money: Ledger) -> None:
    await money.holds.hold(money.request("c1", 70))
    money.budget("new", 100, "workflow", "wf", "day")
    refusal = await money.holds.hold(money.request("c2", 31))
    assert isinstance(refusal, Refused)
    assert refusal.held_nano == 70


@pytest.mark.parametrize(
    ("period", "at_ms", "opens"),
    [
        ("day", NOW, NOW + 86_400_000),
        ("day", DEC_1 - 1, DEC_1),
        ("month", NOW, DEC_1),
        ("month", DEC_1 - 1, DEC_1),
        ("month", DEC_1, DEC_31 + 86_400_000),
        ("month", DEC_31 + 86_399_999, DEC_31 + 86_400_000),
        ("total", NOW, None),
    ],
)
async def test_a_refusal_says_when_its_window_opens(
    money: Ledger, period: Period, at_ms: int, opens: int | None
) -> None:
    money.budget("cap", 1, period=period)
    refusal = await money.holds.hold(money.request("c1", 2, at_ms))
    assert isinstance(refusal, Refused)
    assert refusal.opens_at_ms == opens


async def test_a_new_window_has_room_again(money: Ledger) -> None:
    money.budget("daily", 100, period="day")
    await money.holds.hold(money.request("c1", 100))
    assert isinstance(await money.holds.hold(money.request("c2", 1, NOW + 86_399_999)), Refused)
    assert isinstance(await money.holds.hold(money.request("c2", 100, NOW + 86_400_000)), Held)


async def test_the_runs_own_cap_refuses_without_a_budget(money: Ledger) -> None:
    refusal = await money.holds.hold(replace(money.request("c1", 11), run_budget_nano=10))
    assert refusal == Refused("run:run", "the run's own budget", 10, 0, 0, None)
    assert isinstance(await money.holds.hold(replace(money.request("c1", 10), run_budget_nano=10)), Held)


async def test_holding_twice_is_holding_once(money: Ledger) -> None:
    money.budget("cap", 100)
    first = await money.holds.hold(money.request("c1", 70))
    again = await money.holds.hold(money.request("c1", 70, NOW + 5))
    assert first == again == Held(NOW, 70)
    assert await money.held() == dict.fromkeys(fields(), 70)
    assert await money.timers() == {hold_timer("c1"): NOW + 5 + TTL_MS}


async def test_parallel_holds_never_pass_the_limit(money: Ledger) -> None:
    money.budget("cap", 1_000)
    await money.commit(total=5)
    answers = await asyncio.gather(*(money.holds.hold(money.request(f"c{n}", 37)) for n in range(100)))
    granted = [a for a in answers if isinstance(a, Held)]
    assert len(granted) == (1_000 - 5) // 37
    assert (await money.held())["org|total"] == 37 * len(granted)


@pytest.mark.parametrize("spare", [0, 1])
async def test_limits_are_exact_at_the_largest_amounts(money: Ledger, spare: int) -> None:
    largest = 2**53 - 1
    money.budget("cap", largest)
    await money.commit(total=2**52)
    await money.holds.hold(money.request("c1", 2**51 + 1))
    left = largest - 2**52 - 2**51 - 1
    answer = await money.holds.hold(money.request("c2", left + spare))
    assert isinstance(answer, Refused if spare else Held)
    assert (await money.held())["org|total"] == 2**51 + 1 + (0 if spare else left)


async def test_spend_beyond_what_a_double_holds_refuses(money: Ledger) -> None:
    money.budget("cap", 2**53 - 1)
    await money.commit(total=2**60 + 1)
    refusal = await money.holds.hold(money.request("c1", 1))
    assert isinstance(refusal, Refused)
    assert refusal.spent_nano == 2**60 + 1


async def test_a_commit_releases_the_hold_and_leaves_no_trace(money: Ledger) -> None:
    await money.holds.hold(money.request("c1", 70))
    await money.holds.hold(money.request("c2", 5))
    await money.commit(settled="c1", released="c1", total=40)
    assert await money.held() == dict.fromkeys(fields(), 5)
    assert list(await money.timers()) == [hold_timer("c2")]
    await money.commit(settled="c2", released="c2")
    await money.commit(released="c2")
    assert await money.traces() == []


async def test_a_release_books_out_of_the_windows_of_the_hold(money: Ledger) -> None:
    await money.holds.hold(money.request("old", 70, DEC_1 - 1))
    await money.holds.hold(money.request("new", 5, DEC_1))
    await money.commit(settled="old", released="old")
    assert await money.held() == dict.fromkeys(fields(DEC_1), 5)


async def test_a_settled_call_cannot_be_held_again(money: Ledger) -> None:
    await money.commit(settled="c1")
    assert await money.holds.hold(money.request("c1", 1)) == AlreadySettled("c1")
    assert await money.holds.reassert(money.request("c1", 1), NOW + 1) is False
    assert await money.traces() == []


async def test_a_call_under_way_is_not_settled(money: Ledger) -> None:
    request = money.request("c1", 70)
    await money.holds.hold(request)
    await settle(money, request.started(NOW + TTL_MS))
    assert await money.holds.reassert(request, NOW + 2 * TTL_MS)
    assert await money.timers() == {hold_timer("c1"): NOW + 2 * TTL_MS}
    assert await money.holds.hold(request) == Held(NOW, 70)
    assert await money.held() == dict.fromkeys(fields(), 70)


async def test_the_fold_puts_back_a_hold_that_was_lost(money: Ledger) -> None:
    request = money.request("c1", 70)
    await settle(money, request.started(NOW + TTL_MS))
    assert await money.held() == dict.fromkeys(fields(), 70)
    [due] = await money.table.due(money.slot.partition, NOW + TTL_MS, 10)
    [record] = await PresumedSettlements(money.holds).fire(money.slot.partition, [due])
    presumed = decode(COST_EVENTS, record.value)
    assert presumed == request.started(0).expired()
    await settle(money, presumed)
    assert await money.traces() == []


async def test_a_hold_that_comes_back_after_its_settlement_leaves_with_a_repeat(money: Ledger) -> None:
    request = money.request("c1", 70)
    await settle(money, request.started(0).presumed())
    await money.redis.hdel(money.slot.entity("settled:c1"), "settlement")  # as while the table is rebuilt
    assert await money.holds.reassert(request, NOW + TTL_MS)
    await money.redis.hset(money.slot.entity("settled:c1"), "settlement", b"[70]")
    await settle(money, request.started(0).presumed())
    assert await money.traces() == []


async def test_a_hold_of_nothing_comes_and_goes(money: Ledger) -> None:
    money.budget("cap", 0)
    assert await money.holds.hold(money.request("c1", 0)) == Held(NOW, 0)
    assert await money.held() == {}
    await money.commit(released="c1")
    assert await money.traces() == []


async def test_an_expired_hold_becomes_a_presumed_settlement(money: Ledger) -> None:
    await money.holds.hold(money.request("c1", 70))
    await money.holds.hold(money.request("c2", 5, NOW + 1))
    await settle(money, money.request("c1", 70).started(NOW + TTL_MS))
    due = await money.table.due(money.slot.partition, NOW + TTL_MS, 10)
    [record] = await PresumedSettlements(money.holds).fire(money.slot.partition, due)
    assert isinstance(record, OutRecord)
    assert (record.topic, record.key) == (COST_EVENTS, money.org.encode())
    event = decode(COST_EVENTS, record.value)
    assert isinstance(event, CostEvent)
    assert event == money.request("c1", 70).started(0).expired()
    assert (event.kind, event.amount_nano, event.booked_at_ms, event.tags) == (
        "presumed",
        70,
        NOW,
        {"team": "blue"},
    )
    assert (await money.held())["org|total"] == 75


async def test_an_expired_hold_of_a_call_that_never_started_is_only_released(money: Ledger) -> None:
    request = money.request("c1", 70)
    await money.holds.hold(request)
    assert await money.holds.load_presumed(money.slot.partition, ["c1"]) == []
    assert await money.traces() == []
    await settle(money, request.started(NOW + TTL_MS))
    assert await money.held() == dict.fromkeys(fields(), 70), "the log knows better"
    [expired] = await money.holds.load_presumed(money.slot.partition, ["c1"])
    assert decode(COST_EVENTS, expired.record) == request.started(0).expired()


async def test_an_expired_hold_of_a_settled_call_is_only_released(money: Ledger) -> None:
    request = money.request("c1", 70)
    await money.holds.hold(request)
    await money.commit(settled="c1")
    assert await money.holds.load_presumed(money.slot.partition, ["c1"]) == []
    assert await money.traces() == []


async def test_a_hold_of_a_worker_that_announces_nothing_is_presumed(money: Ledger) -> None:
    """Workers are upgraded last."""
    await money.holds.hold(money.request("c1", 70))
    await money.redis.hdel(money.slot.hold("c1"), "logged")
    [expired] = await money.holds.load_presumed(money.slot.partition, ["c1"])
    assert decode(COST_EVENTS, expired.record) == money.request("c1", 70).started(0).expired()


async def test_a_timer_without_a_hold_leaves(money: Ledger) -> None:
    await money.redis.zadd(money.slot.timers, {hold_timer("ghost"): NOW})
    due = await money.table.due(money.slot.partition, NOW, 10)
    assert await PresumedSettlements(money.holds).fire(money.slot.partition, due) == []
    assert await money.timers() == {}


async def test_what_is_still_held_stays_to_the_last_nano(money: Ledger) -> None:
    await money.holds.hold(money.request("c1", 70))
    await money.holds.hold(money.request("c2", 1))
    await money.commit(released="c1")
    assert await money.held() == dict.fromkeys(fields(), 1)


async def test_a_table_that_another_server_opened_refuses(money: Ledger) -> None:
    await money.redis.hset(money.slot.position, "master", "0" * 40)
    with pytest.raises(Unavailable, match="rebuilt"):
        await money.holds.hold(money.request("c1", 1))
    await money.redis.hdel(money.slot.position, "master")
    assert isinstance(await money.holds.hold(money.request("c1", 1)), Held), "an older owner did not say which it was"


async def test_a_hold_is_stored_whole(money: Ledger) -> None:
    request = money.request("c1", 70)
    await money.holds.hold(request)
    entry = entry_of(request.started(NOW + TTL_MS))
    assert await money.redis.hgetall(money.slot.hold("c1")) == {
        b"amount": b"70",
        b"org": money.org.encode(),
        b"booked_at": b"%d" % NOW,
        b"presumed": entry.presumed,
        b"fields": "\x1f".join(fields()).encode(),
        b"logged": b"1",
    }


async def test_expired_holds_are_presumed_in_order_and_those_never_made_are_released_among_them(
    money: Ledger,
) -> None:
    requests = [money.request(f"c{n}", n) for n in range(1, 5)]
    for request in requests:
        await money.holds.hold(request)
    for request in (requests[0], requests[2]):
        await settle(money, request.started(NOW + TTL_MS))
    found = await money.holds.load_presumed(money.slot.partition, [request.call_id for request in requests])
    assert [expired.org_id for expired in found] == [money.org] * 2
    expected = [requests[n].started(0).expired() for n in (0, 2)]
    assert [decode(COST_EVENTS, expired.record) for expired in found] == expected
    assert list(await money.timers()) == [hold_timer("c1"), hold_timer("c3")]
    assert await money.held() == dict.fromkeys(fields(), 1 + 3)


async def test_a_live_call_outlives_its_first_expiry(money: Ledger) -> None:
    await money.holds.hold(money.request("c1", 70))
    assert await money.holds.reassert(money.request("c1", 70), NOW + 2 * TTL_MS)
    assert await money.timers() == {hold_timer("c1"): NOW + 2 * TTL_MS}
    assert await money.holds.reassert(money.request("c1", 70), NOW + 1)
    assert await money.timers() == {hold_timer("c1"): NOW + 2 * TTL_MS}
    assert (await money.held())["org|total"] == 70


async def test_a_lost_hold_comes_back_even_over_the_limit(money: Ledger) -> None:
    money.budget("cap", 100)
    await money.holds.hold(money.request("c1", 70))
    await money.redis.unlink(*[k async for k in money.redis.scan_iter(f"{money.slot.prefix}:*")])
    assert await money.holds.reassert(money.request("c1", 70), NOW + TTL_MS)
    money.budget("cap", 10)
    await money.take()
    assert await money.holds.reassert(money.request("c1", 70), NOW + TTL_MS)
    assert await money.held() == dict.fromkeys(fields(), 70)
    await money.open()
    refusal = await money.holds.hold(money.request("c2", 1))
    assert isinstance(refusal, Refused)
    assert refusal.held_nano == 70


async def test_a_table_that_is_gone_or_being_rebuilt_refuses(money: Ledger) -> None:
    await money.redis.unlink(money.slot.position)
    with pytest.raises(Unavailable, match="rebuilt") as gone:
        await money.holds.hold(money.request("c1", 1))
    assert gone.value.dependency == "budgets"
    await money.take()
    with pytest.raises(Unavailable, match="rebuilt"):
        await money.holds.hold(money.request("c1", 1))
    await money.open(NOW + 3_000)
    with pytest.raises(Unavailable) as soon:
        await money.holds.hold(money.request("c1", 1, NOW + 500))
    assert soon.value.retry_after_s == 2.5
    assert await money.traces() == []
    assert isinstance(await money.holds.hold(money.request("c1", 1, NOW + 3_000)), Held)


async def test_nothing_is_held_before_the_budgets_are_known(money: Ledger) -> None:
    early = RedisHolds(money.redis, BudgetDefinitions(), PARTITIONS, TTL_MS)
    with pytest.raises(Unavailable, match="definitions"):
        await early.hold(money.request("c1", 1))
    assert await money.traces() == []


async def settle(money: Ledger, event: MoneyEvent) -> None:
    """Fold one record and commit what the fold says, as the engine does."""
    fold, partition = BudgetsFold(), money.slot.partition
    loaded = await money.table.load(partition, money.epoch, fold.touches(event))
    state = Overlay(fold, loaded)
    commands = fold.fold(state, event, NOW, money.offset)
    change = Commit(money.epoch, money.offset, money.offset + 1, NOW, puts=state.puts)
    change.releases.extend((c.org_id, c.call_id) for c in commands if isinstance(c, Release))
    change.holds |= {c.call.call_id: entry_of(c.call) for c in commands if isinstance(c, Hold)}
    assert await money.table.commit(partition, change) is Answer.OK
    money.offset += 1


class Overlay:
    """The entries that one settlement touches, and what it puts."""

    def __init__(self, fold: BudgetsFold, loaded: dict[str, dict[str, bytes]]) -> None:
        self.fold = fold
        self.loaded = loaded
        self.puts: dict[str, dict[str, bytes]] = {}

    def get(self, entity: str, field: str) -> Any | None:
        data = self.puts.get(entity, {}).get(field) or self.loaded[entity].get(field)
        return None if data is None else self.fold.decode(entity, field, data)

    def fields(self, entity: str) -> Iterable[str]:
        return self.loaded[entity].keys() | self.puts.get(entity, {}).keys()

    def put(self, entity: str, field: str, value: Any) -> None:
        self.puts.setdefault(entity, {})[field] = self.fold.encode(entity, field, value)

    def drop(self, entity: str, field: str) -> None:
        raise AssertionError("the fold of budgets drops nothing")


@pytest.mark.parametrize("seed", range(3))
async def test_a_busy_day_ends_with_exact_spend_and_nothing_held(money: Ledger, seed: int) -> None:
    dice = random.Random(seed)
    limit = 10_000
    money.budget("cap", limit)
    final: dict[str, int] = {}
    for n in range(150):
        request = money.request(f"c{n}", dice.randrange(1, 400), NOW + n, dice.choice(["m1", "m2"]))
        if not isinstance(await money.holds.hold(request), Held):
            continue
        start = request.started(NOW + n + TTL_MS)
        presumed = start.presumed()
        actual = replace_amount(presumed, dice.randrange(request.estimate_nano + 1))
        if dice.random() < 0.8:
            await settle(money, start)
        events = dice.choice(
            [[actual], [presumed], [presumed, actual], [actual, actual], [replace_amount(presumed, 0)]]
        )
        for event in events:
            await settle(money, event)
            if dice.random() < 0.3:
                assert not await money.holds.reassert(request, NOW + TTL_MS)
        final[request.call_id] = events[-1].amount_nano
        spent = int(await money.redis.hget(money.slot.entity(money.org), "org|total") or 0)
        assert spent + (await money.held()).get("org|total", 0) <= limit
    assert spent == sum(final.values())
    assert await money.traces() == []


def replace_amount(presumed: CostEvent, amount_nano: int) -> CostEvent:
    return structs.replace(presumed, kind="actual", amount_nano=amount_nano)


async def test_redis_down_is_unavailable() -> None:
    definitions = BudgetDefinitions()
    definitions.mark_loaded()
    nowhere: Redis = Redis.from_url("redis://127.0.0.1:1/0")
    holds = RedisHolds(nowhere, definitions, PARTITIONS, TTL_MS)
    with pytest.raises(Unavailable) as down:
        await holds.load_presumed(0, ["c1"])
    assert down.value.dependency == "redis"
    await nowhere.aclose()


# Caps of runs


def of_runs(money: Ledger, call: str, estimate: int, **caps: int) -> HoldRequest:
    return replace(money.request(call, estimate), caps=caps)


async def settle_actual(money: Ledger, request: HoldRequest, amount: int) -> None:
    await settle(money, request.started(NOW + TTL_MS))
    await settle(money, structs.replace(request.started(0).presumed(), kind="actual", amount_nano=amount))


async def test_a_cap_of_a_run_refuses_what_passes_it_with_what_is_held_and_spent(money: Ledger) -> None:
    first = of_runs(money, "c1", 60, run=100)
    assert isinstance(await money.holds.hold(first), Held)
    refusal = await money.holds.hold(of_runs(money, "c2", 41, run=100))
    assert refusal == Refused("run:run", "the run's own budget", 100, 0, 60, None, run_id="run")
    await settle_actual(money, first, 50)
    assert isinstance(await money.holds.hold(of_runs(money, "c3", 50, run=100)), Held)
    refusal = await money.holds.hold(of_runs(money, "c4", 1, run=100))
    assert refusal == Refused("run:run", "the run's own budget", 100, 50, 50, None, run_id="run")


async def test_a_budget_that_refuses_is_named_although_the_run_has_a_cap(money: Ledger) -> None:
    money.budget("tight", 10)
    refusal = await money.holds.hold(of_runs(money, "c1", 11, run=100))
    assert isinstance(refusal, Refused)
    assert (refusal.budget_id, refusal.run_id) == ("tight", "")


async def test_calls_of_children_count_against_the_caps_of_all_that_started_them(money: Ledger) -> None:
    for name, caps in (("c1", {"root": 100, "a": 90}), ("c2", {"root": 100, "b": 90})):
        assert isinstance(await money.holds.hold(of_runs(money, name, 50, **caps)), Held)
    refusal = await money.holds.hold(of_runs(money, "c3", 1, root=100, b=90))
    assert isinstance(refusal, Refused)
    assert refusal.run_id == "root"


@pytest.mark.parametrize("reserved_first", [True, False])
async def test_a_cap_is_the_same_whether_its_hold_or_its_record_comes_first(
    money: Ledger, reserved_first: bool
) -> None:
    reserved = RunReserved(org_id=money.org, run_id="run", cap_nano=100)
    if reserved_first:
        await settle(money, reserved)
    first = of_runs(money, "c1", 60, run=100)
    assert isinstance(await money.holds.hold(first), Held)
    if not reserved_first:
        await settle(money, reserved)
    await settle_actual(money, first, 30)
    refusal = await money.holds.hold(of_runs(money, "c2", 71, run=100))
    assert isinstance(refusal, Refused)
    assert (refusal.spent_nano, refusal.held_nano) == (30, 0)


async def test_a_late_actual_cost_frees_what_its_estimate_took_of_a_cap(money: Ledger) -> None:
    first = of_runs(money, "c1", 100, run=100)
    await money.holds.hold(first)
    await settle(money, first.started(NOW + TTL_MS))
    await settle(money, first.started(0).expired())
    assert isinstance(await money.holds.hold(of_runs(money, "c2", 1, run=100)), Refused)
    await settle(money, structs.replace(first.started(0).presumed(), kind="actual", amount_nano=40))
    assert isinstance(await money.holds.hold(of_runs(money, "c3", 60, run=100)), Held)


async def test_two_hundred_calls_at_once_never_pass_a_cap_and_use_it_up(money: Ledger) -> None:
    dice, cap, clients = random.Random(7), 10_000, asyncio.Semaphore(40)
    spent = 0

    async def one(name: str, child: str) -> None:
        nonlocal spent
        request = of_runs(money, name, dice.randint(50, 150), root=cap, **{child: 6_000})
        async with clients:
            if isinstance(await money.holds.hold(request), Held):
                spent += request.estimate_nano

    await asyncio.gather(*(one(f"c{n}", f"child-{n % 4}") for n in range(200)))
    assert cap - 150 < spent <= cap
