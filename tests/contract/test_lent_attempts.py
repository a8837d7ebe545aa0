"""Leases of users' own workers on a real Redis: who knows the secret has the attempt, until it ends one way."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.claims.leases import KEEP_MS, PUBLISHED_KEEP_MS, Busy, Done, Ended, Granted, Published
from connectors.redis.claims.lent_attempts import (
    Extended,
    Lease,
    Lent,
    LentAttempts,
    LentRequest,
    new_secret,
)
from connectors.redis.keys import runs_slot
from schemas.run_states import OPEN_RUN, TERMINAL_RUN
from schemas.tables.runs import STATUS
from tests.support.redis_clock import assert_lasts, assert_times_are_the_servers
from tests.support.runs_table import open_runs

PARTITIONS = 12
TOPIC = "step-requests.theirs"
LEASE_MS = 60_000
SINCE_MS = 5
PROGRESS = b'{"done":1}'


class World:
    """One attempt that is lent."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.claims = LentAttempts(redis, PARTITIONS)
        self.run = str(uuid.uuid4())
        self.request = f"{self.run}:ask:1"
        self.slot = runs_slot(self.run, PARTITIONS)
        self.key = self.slot.claim(self.request)

    async def lend(self, *, also_ended: bool = False) -> Lease:
        """Let a worker lease the attempt."""
        lease = Lease(self.run, self.request, TOPIC, new_secret())
        owner = f"w-1/{lease.secret}"
        taken = await self.claims.take(self.run, self.request, owner, LEASE_MS, also_ended=also_ended)
        assert isinstance(taken, Granted), taken
        await self.claims.describe(lease, self.lent(also_ended=also_ended), None)
        return lease

    def lent(self, *, also_ended: bool = False) -> LentRequest:
        return LentRequest(b"request", LEASE_MS, SINCE_MS, also_ended)

    async def end(self, status: str) -> None:
        """Let the run have a status."""
        await self.redis.hset(self.slot.entity(self.run), STATUS, status)

    async def stored(self) -> dict[bytes, bytes]:
        """Return all that the claim holds."""
        found: dict[bytes, bytes] = await self.redis.hgetall(self.key)
        return found

    async def until_ms(self) -> int:
        return int((await self.stored())[b"until"])


@pytest.fixture
async def world(redis: Redis) -> AsyncIterator[World]:
    world = World(redis)
    await open_runs(redis, PARTITIONS)
    yield world
    await redis.unlink(world.key, world.slot.entity(world.run))


async def test_a_lease_says_what_it_is_of(world: World) -> None:
    lease = await world.lend()
    assert await world.claims.find(lease) == Lent("w-1", b"request", SINCE_MS, True)
    assert isinstance(await world.claims.take(world.run, world.request, "w-2/x", LEASE_MS, also_ended=False), Busy)


async def refused(world: World, lease: Lease) -> None:
    """Check that a worker has lost a lease, whatever it tries."""
    before = await world.stored()
    assert await world.claims.find(lease) is None
    assert await world.claims.extend(lease, PROGRESS) == Extended("lost")
    assert await world.claims.complete(lease, b"late") == "lost"
    assert not await world.claims.release(lease)
    assert await world.stored() == before


async def test_another_secret_is_no_lease(world: World) -> None:
    lease = await world.lend()
    for secret in (new_secret(), lease.secret[1:], "1/" + lease.secret, lease.secret.swapcase()):
        await refused(world, replace(lease, secret=secret))


async def test_a_lease_is_of_its_queue_alone(world: World) -> None:
    await refused(world, replace(await world.lend(), topic="step-requests.others"))


async def test_a_lease_that_redis_lost_is_lost(world: World) -> None:
    lease = await world.lend()
    await world.redis.unlink(world.key)
    await refused(world, lease)


async def test_a_heartbeat_extends_a_lease_by_its_length_from_the_servers_time(world: World) -> None:
    lease = await world.lend()

    async def extended() -> float:
        assert await world.claims.extend(lease, b"") == Extended("extended", LEASE_MS)
        return await world.until_ms() - LEASE_MS

    await assert_times_are_the_servers(world.redis, extended)


async def test_a_heartbeat_keeps_the_claim_and_its_progress(world: World) -> None:
    lease = await world.lend()
    await world.redis.pexpire(world.key, LEASE_MS)
    await world.claims.extend(lease, PROGRESS)
    await assert_lasts(world.redis, world.key, KEEP_MS)
    await world.claims.extend(lease, b"")
    assert (await world.stored())[b"progress"] == PROGRESS, "none replaces none"
    assert not await world.redis.exists(world.slot.entity(world.run))


@pytest.mark.parametrize("status", sorted(TERMINAL_RUN))
async def test_a_heartbeat_learns_that_its_run_is_over_and_its_progress_is_kept(world: World, status: str) -> None:
    lease = await world.lend()
    await world.redis.hset(world.key, "until", 7)
    await world.end(status)
    assert await world.claims.extend(lease, PROGRESS) == Extended("ended", status=status)
    assert await world.until_ms() == 7
    assert (await world.stored())[b"progress"] == PROGRESS
    assert await world.claims.complete(lease, b"r") == "stored", "its outcome is kept all the same"


@pytest.mark.parametrize("status", sorted(OPEN_RUN))
async def test_an_open_run_lets_its_leases_be_extended(world: World, status: str) -> None:
    lease = await world.lend()
    await world.end(status)
    assert (await world.claims.extend(lease, b"")).kind == "extended"


async def test_a_step_of_a_run_that_is_over_is_lent_and_extended(world: World) -> None:
    await world.end("canceled")
    denied = await world.claims.take(world.run, world.request, "w-1/x", LEASE_MS, also_ended=False)
    assert denied == Ended("canceled")
    lease = await world.lend(also_ended=True)
    assert await world.claims.extend(lease, b"") == Extended("extended", LEASE_MS)


async def test_the_first_outcome_of_a_lease_is_stored_and_a_repeat_changes_nothing(world: World) -> None:
    lease = await world.lend()
    await world.claims.extend(lease, PROGRESS)
    await world.redis.pexpire(world.key, LEASE_MS)
    assert await world.claims.complete(lease, b"first") == "stored"
    await assert_lasts(world.redis, world.key, KEEP_MS)
    stored = await world.stored()
    assert (stored[b"result"], stored[b"progress"], b"request" in stored) == (b"first", PROGRESS, False)
    assert await world.claims.complete(lease, b"second") == "repeated"
    assert await world.claims.extend(lease, b"more") == Extended("completed")
    assert not await world.claims.release(lease), "an outcome is not returned"
    assert await world.stored() == stored
    assert await world.claims.find(lease) == Lent("w-1", b"", SINCE_MS, False)
    assert await world.claims.result(world.run, world.request) == b"first"
    taken = await world.claims.take(world.run, world.request, "w-2/x", LEASE_MS, also_ended=False)
    assert taken == Done(b"first")


async def test_a_published_outcome_stays_for_redeliveries_and_repeats(world: World) -> None:
    lease = await world.lend()
    await world.claims.complete(lease, b"r")
    await world.claims.published(world.run, world.request)
    await assert_lasts(world.redis, world.key, PUBLISHED_KEEP_MS)
    assert await world.claims.complete(lease, b"r") == "repeated"
    assert await world.claims.result(world.run, world.request) is None
    taken = await world.claims.take(world.run, world.request, "w-2/x", LEASE_MS, also_ended=False)
    assert taken == Published()


async def test_a_released_attempt_is_free_was_not_started_and_keeps_its_progress(world: World) -> None:
    lease = await world.lend()
    await world.claims.extend(lease, PROGRESS)
    assert await world.claims.release(lease)
    stored = await world.stored()
    assert (stored[b"owner"], stored[b"until"], stored[b"starts"]) == (b"", b"0", b"0")
    assert (stored[b"progress"], b"request" in stored) == (PROGRESS, False)
    await refused(world, lease)
    successor = await world.lend()
    assert (await world.stored())[b"starts"] == b"1"
    await refused(world, lease)
    assert await world.claims.complete(successor, b"r") == "stored"


async def test_the_progress_of_an_attempt_comes_before_that_of_the_attempt_before(world: World) -> None:
    lease, before = await world.lend(), f"{world.run}:ask:0"
    assert await world.claims.describe(lease, world.lent(), before) == b""
    await world.redis.hset(world.slot.claim(before), "progress", b"former")
    assert await world.claims.describe(lease, world.lent(), before) == b"former"
    await world.claims.extend(lease, PROGRESS)
    assert await world.claims.describe(lease, world.lent(), before) == PROGRESS
    await world.redis.unlink(world.slot.claim(before))


async def test_the_claim_of_a_lease_that_redis_lost_is_put_back_whole(world: World) -> None:
    lease = await world.lend()
    granted, owner = Granted(world.run, world.request, 3, 4, 7), f"w-1/{lease.secret}"
    await world.redis.unlink(world.key)
    assert await world.claims.put_back(granted, owner, lease, world.lent())
    stored = await world.stored()
    until = int(stored.pop(b"until"))
    expected: dict[str, Any] = {"state": "running", "owner": owner, "starts": 3, "calls": 4, "made": 7}
    expected |= {"topic": TOPIC, "request": "request", "lease_ms": LEASE_MS, "since": SINCE_MS, "after": 0}
    assert stored == {name.encode(): str(value).encode() for name, value in expected.items()}
    await assert_lasts(world.redis, world.key, KEEP_MS)
    [standing] = await world.claims.standings([(world.run, world.request)])
    assert (standing.state, standing.owner) == ("running", owner)
    assert 0.9 * LEASE_MS < standing.left_ms <= LEASE_MS < until
    await world.redis.hset(world.key, "owner", "w-2/other")
    assert not await world.claims.put_back(granted, owner, lease, world.lent())
