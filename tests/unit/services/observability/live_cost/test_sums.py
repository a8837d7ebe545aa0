"""Settled and held money by second, against a ledger that is as simple as can be."""

import random
import tracemalloc
from collections import defaultdict

from connectors.prometheus.places import Places
from schemas.records.money import CallStarted, CostEvent
from services.observability.live_cost.sums import OTHERS, STALE_MS, LiveCost, Row, Spender

NOW = 1_764_403_200_000
SPENDER = Spender("acme", "report", "local", "small")


def started(call: str, amount: int = 10, spender: Spender = SPENDER, expires_ms: int = NOW + 60_000) -> CallStarted:
    return CallStarted(
        call_id=call,
        org_id=spender.org,
        run_id="r",
        step_id="s",
        workflow_name=spender.workflow,
        provider=spender.provider,
        model=spender.model,
        amount_nano=amount,
        booked_at_ms=NOW,
        expires_at_ms=expires_ms,
        price_version="1",
    )


def settled(call: str, amount: int = 10, *, presumed: bool = False, spender: Spender = SPENDER) -> CostEvent:
    return CostEvent(
        call_id=call,
        kind="presumed" if presumed else "actual",
        org_id=spender.org,
        run_id="r",
        step_id="s",
        workflow_name=spender.workflow,
        provider=spender.provider,
        model=spender.model,
        amount_nano=amount,
        booked_at_ms=NOW,
        price_version="1",
    )


def test_money_is_held_from_the_start_of_a_call_until_its_settlement() -> None:
    sums = LiveCost()
    sums.started(started("a", 10), NOW)
    sums.started(started("b", 5), NOW)
    assert sums.take(NOW).rows == (Row(SPENDER, 0, 15),)
    assert sums.settled(settled("a", 7), NOW + 200, NOW + 300) == (SPENDER, 7)
    assert sums.take(NOW + 1_000) == ((Row(SPENDER, 7, 5),), NOW + 200)


def test_who_has_nothing_any_more_is_said_to_have_nothing_once() -> None:
    sums = LiveCost()
    sums.started(started("a"), NOW)
    sums.settled(settled("a"), NOW, NOW)
    assert sums.take(NOW).rows == (Row(SPENDER, 10, 0),)
    assert sums.take(NOW).rows == (Row(SPENDER, 0, 0),)
    assert sums.take(NOW) == ((), None)


def test_a_repeat_counts_once_and_a_correction_by_its_difference() -> None:
    sums = LiveCost()
    events = [
        settled("a", 10, presumed=True),
        settled("a", 10, presumed=True),
        settled("a", 4),
        settled("a", 4),
        settled("a", 10, presumed=True),
    ]
    assert [sums.settled(event, NOW, NOW)[1] for event in events] == [10, 0, -6, 0, 0]


def test_a_call_that_starts_after_its_settlement_was_read_holds_nothing() -> None:
    sums = LiveCost()
    sums.settled(settled("a"), NOW, NOW)
    sums.started(started("a"), NOW)
    assert sums.take(NOW).rows == (Row(SPENDER, 10, 0),)


def test_a_hold_that_ends_without_a_settlement_is_let_go() -> None:
    sums = LiveCost()
    sums.started(started("a", expires_ms=NOW + 500), NOW)
    sums.started(started("late", expires_ms=NOW), NOW)
    assert sums.take(NOW).rows == (Row(SPENDER, 0, 10),)
    assert sums.take(NOW + 500).rows == (Row(SPENDER, 0, 0),)


def test_what_is_old_is_no_news_and_still_ends_its_hold() -> None:
    sums = LiveCost()
    sums.started(started("a"), NOW)
    assert sums.settled(settled("a"), NOW - STALE_MS - 1, NOW) == (SPENDER, 0)
    assert sums.take(NOW).rows == ()


def test_spenders_without_a_place_are_one_and_nothing_is_lost() -> None:
    sums = LiveCost(places=Places(3))
    for number in range(10):
        spender = SPENDER._replace(workflow=f"w{number}")
        sums.started(started(f"h{number}", number, spender), NOW)
        sums.settled(settled(f"s{number}", number + 1, spender=spender), NOW, NOW)
    rows = sums.take(NOW).rows
    assert len(rows) == 4
    assert OTHERS in {row.spender for row in rows}
    assert (sum(row.settled_nano for row in rows), sum(row.held_nano for row in rows)) == (55, 45)


def test_no_more_calls_are_remembered_than_there_is_room() -> None:
    sums = LiveCost(most_calls=5)
    for number in range(50):
        sums.started(started(f"c{number}", 1), NOW)
        sums.settled(settled(f"s{number}", 1), NOW, NOW)
    assert sums.take(NOW).rows == (Row(SPENDER, 50, 5),)


def test_settled_calls_take_no_memory_of_their_own() -> None:
    sums = LiveCost(most_calls=1_024)
    for number in range(1_000):
        sums.settled(settled(f"before {number}", 1), NOW, NOW)
    tracemalloc.start()
    try:
        for number in range(10_000):
            call = f"call {number}"
            sums.started(started(call, 1), NOW)
            sums.settled(settled(call, 1), NOW, NOW)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 32 * 1024


def test_sums_of_seconds_equal_the_ledger_whatever_comes_twice_or_in_between() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        sums, ledger, held = LiveCost(), defaultdict[Spender, int](int), defaultdict[Spender, int](int)
        total = defaultdict[Spender, int](int)
        for number in range(200):
            spender = SPENDER._replace(org=rng.choice("ab"), model=rng.choice("mn"))
            call, amount = f"c{number}", rng.randrange(1, 1_000)
            events: list[CostEvent] = []
            if rng.random() < 0.3:
                events.append(settled(call, amount, presumed=True, spender=spender))
            if rng.random() < 0.8:
                amount = rng.randrange(1, 1_000)
                events.append(settled(call, amount, spender=spender))
            sums.started(started(call, 7, spender), NOW)
            for event in events:
                for _ in range(rng.choice((1, 1, 2))):
                    sums.settled(event, NOW, NOW)
            ledger[spender] += amount if events else 0
            held[spender] += 0 if events else 7
            if rng.random() < 0.1:
                for row in sums.take(NOW).rows:
                    total[row.spender] += row.settled_nano
        last = sums.take(NOW).rows
        for row in last:
            total[row.spender] += row.settled_nano
        assert {one: amount for one, amount in total.items() if amount} == {k: v for k, v in ledger.items() if v}
        assert {row.spender: row.held_nano for row in last if row.held_nano} == {k: v for k, v in held.items() if v}
