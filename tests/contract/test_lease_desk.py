"""Requests for leases on a real Redis: who waits for which queue, and for how long."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from connectors.redis.claims.lease_desk import ALIVE_MS, IDLE_MS, WANT_MS, Ask, LeaseDesk, Offer, new_inbox
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers, server_ms

QUEUES = "{leases}:queues"


@pytest.fixture
async def desk(redis: Redis) -> AsyncIterator[LeaseDesk]:
    await redis.unlink(QUEUES)
    yield LeaseDesk(redis)
    await redis.unlink(QUEUES)


@pytest.fixture
def topic() -> str:
    return f"queue-{uuid.uuid4().hex}"


@pytest.fixture
def ask() -> Ask:
    return Ask(uuid.uuid4().hex, new_inbox(), "w-1", 60_000)


async def test_a_request_waits_once_for_each_lease(desk: LeaseDesk, topic: str, ask: Ask) -> None:
    await desk.ask(topic, ask, 3)
    assert await desk.waiting([topic, f"{topic}-other"]) == {topic: 3, f"{topic}-other": 0}
    assert [await desk.next(topic, 1.0) for _ in range(3)] == [ask] * 3
    assert await desk.waiting([topic]) == {topic: 0}


async def test_requests_are_answered_in_their_order(desk: LeaseDesk, topic: str, ask: Ask) -> None:
    later = Ask("later", ask.inbox, "w-2", 60_000)
    await desk.ask(topic, ask, 1)
    await desk.ask(topic, later, 1)
    assert await desk.next(topic, 1.0) == ask
    await desk.return_ask(topic, ask)
    assert [await desk.next(topic, 1.0) for _ in range(2)] == [ask, later]


async def test_requests_are_forgotten_when_nobody_can_wait_any_longer(
    desk: LeaseDesk, redis: Redis, topic: str, ask: Ask
) -> None:
    await desk.ask(topic, ask, 1)
    await assert_lasts(redis, f"{{leases}}:want:{topic}", WANT_MS)
    assert await redis.pttl(QUEUES) == -1


async def test_who_asks_is_alive_for_a_while_and_a_request_of_one_that_is_gone_is_dropped(
    desk: LeaseDesk, redis: Redis, topic: str, ask: Ask
) -> None:
    alive = f"{{leases}}:alive:{ask.inbox}"
    await desk.ask(topic, ask, 2)
    assert 0 < await redis.pttl(alive) <= ALIVE_MS
    assert await desk.next(topic, 1.0) == ask
    await redis.unlink(alive)
    assert await desk.next(topic, 1.0) is None
    assert await desk.waiting([topic]) == {topic: 0}


async def test_a_queue_is_known_by_the_servers_time_of_its_last_request(
    desk: LeaseDesk, redis: Redis, topic: str, ask: Ask
) -> None:
    async def asked() -> float:
        await desk.ask(topic, ask, 0)
        return await redis.zscore(QUEUES, topic) or 0.0

    await assert_times_are_the_servers(redis, asked)
    assert await redis.zrange(QUEUES, 0, -1) == [topic.encode()]


async def test_all_queues_are_listed_but_those_that_nobody_asks_any_more_are_forgotten(
    desk: LeaseDesk, redis: Redis, topic: str
) -> None:
    now = int(await server_ms(redis))
    lately = {f"{topic}-{n}": now - n * IDLE_MS / 4 for n in range(4)}
    await redis.zadd(QUEUES, lately | {"idle": now - IDLE_MS - 1})
    assert await desk.queues() == lately.keys()
    assert await redis.zcard(QUEUES) == len(lately)


async def test_a_request_that_nobody_answered_can_be_withdrawn(desk: LeaseDesk, topic: str, ask: Ask) -> None:
    await desk.ask(topic, ask, 3)
    await desk.next(topic, 1.0)
    assert await desk.withdraw(topic, ask) == 2
    assert await desk.waiting([topic]) == {topic: 0}


async def test_offers_come_to_the_process_that_waits(desk: LeaseDesk, ask: Ask, topic: str) -> None:
    offers = [Offer(ask.ask_id, f"lease-{n}", topic, b"request", b"", n) for n in range(3)]
    for offer in offers:
        await desk.answer(ask, offer)
    assert await desk.offers(new_inbox(), 0.01) == []
    assert await desk.offers(ask.inbox, 1.0) == offers
