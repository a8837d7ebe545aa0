"""What follows from a receiver's answers, over simulated hours: nothing is lost, a run's events keep their order."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from connectors.http.webhook_sender import Answered
from connectors.memory.engine import ManualClock
from connectors.postgres.webhooks.deliveries import NewDelivery
from schemas.webhooks import RETRY_AFTER_MS
from services.webhooks.deliver import LEASE_S, TOGETHER, Deliverer, wait_ms
from tests.support.webhooks import MemoryDeliveries, Receiver

HOUR_MS = 3_600_000


class Outcomes(Counter[str]):
    """Counts tries."""

    def tried(self, outcome: str) -> None:
        self[outcome] += 1


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def deliveries(clock: ManualClock) -> MemoryDeliveries:
    return MemoryDeliveries(clock)


@pytest.fixture
def receiver(clock: ManualClock) -> Receiver:
    return Receiver(clock)


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes()


@pytest.fixture
def deliverer(deliveries: MemoryDeliveries, receiver: Receiver, clock: ManualClock, outcomes: Outcomes) -> Deliverer:
    return Deliverer(deliveries, receiver, receiver, clock, outcomes, random.Random(7))


def event(run: str, what: str) -> NewDelivery:
    return NewDelivery("acme", "wh_1", f"{run}/{what}", f"run.{what}", run, b"{}")


async def play(deliverer: Deliverer, clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        while await deliverer.tick() >= TOGETHER:
            pass
        clock.ms += 1_000


def of_run(ids: list[str], run: str) -> list[str]:
    return [one for one in ids if one.split("/")[0] == run]


async def test_a_receiver_that_is_down_for_ten_minutes_misses_nothing(
    deliverer: Deliverer,
    deliveries: MemoryDeliveries,
    receiver: Receiver,
    clock: ManualClock,
    record_property: Callable[[str, object], None],
) -> None:
    receiver.down_until_ms = clock.now_ms() + 600_000
    sent = []
    for second in range(900):
        run = f"r{second % 60}"
        sent.append(event(run, f"step-{second}"))
        await deliveries.add([sent[-1]])
        await play(deliverer, clock, 1)
    await play(deliverer, clock, 3_600)
    got, ids = [one for one, _ in receiver.got], [one.event_id for one in sent]
    runs = {one.subject for one in sent}
    disordered = [run for run in runs if of_run(got, run) != of_run(ids, run)]
    record_property("webhook_down_lost", len(set(ids) - set(got)))
    record_property("webhook_down_runs_out_of_order", len(disordered))
    record_property("webhook_repeats_with_another_id", sum(one not in set(got) for one in receiver.refused))
    assert sorted(got) == sorted(ids)
    assert disordered == []
    assert len(receiver.refused) > 60
    assert set(receiver.refused) <= set(got), "what is sent again has the same id"


async def test_it_is_given_up_after_a_day_and_those_behind_it_are_sent(
    deliverer: Deliverer, deliveries: MemoryDeliveries, receiver: Receiver, clock: ManualClock, outcomes: Outcomes
) -> None:
    receiver.says = Answered(500, "status 500: broken")
    await deliveries.add([event("r", "waiting"), event("r", "failed")])
    began = clock.now_ms()
    while deliveries.rows[0].state == "pending":
        await deliverer.tick()
        clock.ms += 60_000
        assert deliveries.rows[1].tries == 0
    assert 23 * HOUR_MS < clock.now_ms() - began < 28 * HOUR_MS
    assert deliveries.rows[0].tries == len(RETRY_AFTER_MS) + 1
    assert (deliveries.rows[0].state, deliveries.rows[0].error) == ("dead", "status 500: broken")
    receiver.says = Answered(204)
    await play(deliverer, clock, 1)
    assert deliveries.rows[1].state == "delivered"
    assert outcomes == {"again": len(RETRY_AFTER_MS), "dead": 1, "delivered": 1}


async def test_gone_disables_the_webhook(
    deliverer: Deliverer, deliveries: MemoryDeliveries, receiver: Receiver
) -> None:
    receiver.says = Answered(410, "status 410: ")
    await deliveries.add([event("r", "failed")])
    await deliverer.tick()
    assert deliveries.rows[0].state == "dead"
    assert receiver.disabled == ["the receiver answered 410 Gone"]


@pytest.mark.parametrize("answer", [Answered(429, "slow down", "120"), Answered(503, "busy", "120")])
async def test_a_receiver_may_ask_for_more_time(
    deliverer: Deliverer, deliveries: MemoryDeliveries, receiver: Receiver, clock: ManualClock, answer: Answered
) -> None:
    receiver.says = answer
    await deliveries.add([event("r", "failed")])
    await deliverer.tick()
    assert deliveries.rows[0].due_ms == clock.now_ms() + 120_000


async def test_what_a_dead_process_had_claimed_is_sent_by_another(
    deliverer: Deliverer, deliveries: MemoryDeliveries, receiver: Receiver, clock: ManualClock
) -> None:
    await deliveries.add([event("r", "failed")])
    await deliveries.claim(1, LEASE_S)  # and its process dies
    await play(deliverer, clock, LEASE_S)
    assert receiver.got == []
    await play(deliverer, clock, 2)
    assert [one for one, _ in receiver.got] == ["r/failed"]


@pytest.mark.parametrize(
    ("said", "wait"),
    [("5", 5_000), ("", 0), ("soon", 0), ("-5", 0), ("99999999999", 0), ("999999", 6 * HOUR_MS)],
)
def test_retry_after_is_bounded(said: str, wait: int) -> None:
    assert wait_ms(said, 0) == wait


def test_retry_after_may_be_a_date() -> None:
    assert wait_ms("Thu, 01 Jan 1970 00:01:00 GMT", 30_000) == 30_000
    assert wait_ms("Thu, 01 Jan 1970 00:01:00 GMT", 90_000) == 0
