"""Markers of submissions on a real Redis: one body an id, one id a submission, and whether none is missing."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from connectors.redis import marker_generation
from connectors.redis.keys import Slot, runs_slot
from connectors.redis.marker_generation import FRESH, KEY, MarkerGeneration
from connectors.redis.submission_markers import (
    TTL_WITH_ID_MS,
    TTL_WITHOUT_ID_MS,
    Marker,
    Receipt,
    SubmissionMarkers,
)
from schemas.errors import Unavailable
from schemas.ids import HTTP_SOURCE, placed_run_id, run_id
from tests.support.redis_clock import assert_lasts

PARTITIONS = 12
PATIENCE_S = 30.0
HOUR_MS = 3_600_000


@pytest.fixture
def markers(redis: Redis) -> SubmissionMarkers:
    return SubmissionMarkers(redis, PARTITIONS, PATIENCE_S)


@pytest.fixture
async def generation(redis: Redis) -> AsyncIterator[MarkerGeneration]:
    for key in (KEY, FRESH):
        await redis.unlink(key)
    yield MarkerGeneration(redis, PATIENCE_S)
    for key in (KEY, FRESH):
        await redis.unlink(key)


def receipt(*, named: bool = True) -> Receipt:
    """A submission of an organisation of its own, with an id of its client or without."""
    org, name = f"org-{uuid.uuid4().hex}", "order-1" if named else None
    return Receipt(run_id(org, HTTP_SOURCE, name), org, "hash-1", "flow", 1, HTTP_SOURCE, name, 5)


def placed(one: Receipt, partitions: int = 24) -> Receipt:
    """The same submission to topics of runs that have grown."""
    return replace(one, run_id=placed_run_id(one.run_id, partitions))


def slot(one: Receipt) -> Slot:
    return runs_slot(one.run_id, PARTITIONS)


def marker(one: Receipt) -> str:
    return slot(one).accepted(one.run_id)


def chosen(one: Receipt) -> str:
    return slot(one).chosen(one.run_id)


async def test_the_first_claim_is_new_and_the_next_ones_find_its_body(markers: SubmissionMarkers) -> None:
    one, other = receipt(), receipt(named=False)
    assert await markers.claim([one, other]) == [None, None]
    another_body = replace(one, body_hash="hash-2")
    assert await markers.claim([another_body, one]) == [Marker("hash-1", None)] * 2
    await markers.confirm([one])
    assert await markers.claim([another_body, one]) == [Marker("hash-1", one)] * 2


@pytest.mark.parametrize(("named", "ttl_ms"), [(True, TTL_WITH_ID_MS), (False, TTL_WITHOUT_ID_MS)])
async def test_a_marker_lasts_as_long_as_its_client_may_repeat_itself(
    markers: SubmissionMarkers, redis: Redis, named: bool, ttl_ms: int
) -> None:
    one = receipt(named=named)
    await markers.claim([one])
    await assert_lasts(redis, marker(one), ttl_ms)
    await redis.pexpire(marker(one), HOUR_MS // 2)
    await markers.claim([one])
    assert await redis.pttl(marker(one)) <= HOUR_MS // 2, "a repeat does not extend it"


async def test_a_placed_id_is_chosen_once_for_its_submission(markers: SubmissionMarkers, redis: Redis) -> None:
    first = receipt()
    one = placed(first)
    assert await markers.claim([one]) == [None]
    assert await markers.chosen(first.run_id) == one.run_id
    await assert_lasts(redis, chosen(first), TTL_WITH_ID_MS)
    assert await markers.claim([one]) == [Marker("hash-1", None)], "a repeat is of the same id"
    for elsewhere in (placed(first, 36), first):
        with pytest.raises(Unavailable, match="under another id"):
            await markers.claim([elsewhere])
        assert not await markers.exists(elsewhere.run_id)
    assert await markers.chosen(first.run_id) == one.run_id


async def test_a_submission_whose_first_id_is_in_use_gets_no_other(markers: SubmissionMarkers, redis: Redis) -> None:
    first = receipt()
    await markers.claim([first])
    with pytest.raises(Unavailable, match="under another id"):
        await markers.claim([placed(first)])
    assert await markers.chosen(first.run_id) == first.run_id
    assert not await redis.exists(chosen(first))


async def test_a_generation_is_complete_when_its_own_begin_is_finished(
    generation: MarkerGeneration, redis: Redis
) -> None:
    begun = await generation.begin()
    assert begun == await generation.begin() != ""
    assert not await generation.finish("another", HOUR_MS)
    assert (await generation.complete(), await generation.complete_by_id()) == (False, False)
    for found, answer in (("another", 0), (begun, 1)):
        assert await redis.eval(marker_generation._COMPLETE, 2, KEY, FRESH, found, HOUR_MS) == answer
    assert await generation.finish(begun, HOUR_MS)
    assert (await generation.complete(), await generation.complete_by_id()) == (True, True)
    await assert_lasts(redis, FRESH, HOUR_MS)


async def test_markers_that_redis_lost_are_another_generation(generation: MarkerGeneration, redis: Redis) -> None:
    begun = await generation.begin()
    await redis.unlink(KEY)
    assert not await generation.finish(begun, HOUR_MS)
    assert await generation.begin() != begun
    assert not await generation.complete_by_id()
