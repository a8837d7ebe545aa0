"""Embeddings that are requested at once are one request, and each call pays its part of the bill."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.prices.book import Override, PriceBook
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse
from connectors.providers.local.embedding import EMBED, embedded
from connectors.providers.local.provider import LocalProvider
from schemas.errors import StepError
from schemas.money import apportioned
from schemas.records.base import Usage
from services.calls import embedding
from services.calls.coalescing import MOST_TEXTS, Coalescer
from services.calls.ledger import Ledger
from services.routing.router import Pin
from tests.support.calls import Calls, call

PIN = Pin(provider="local", model=EMBED)
#: A third of a nano-dollar a token: no price of a few tokens is a whole number.
THIRDS = PriceBook(
    [
        Override(
            provider="local", model=EMBED, version="v", input_usd_per_mtok="0.000333", output_usd_per_mtok="0.000333"
        )
    ]
)


class Counting(LocalProvider):
    """Counts a token for each letter, and fails where it is to."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[EmbeddingRequest] = []
        self.fail: StepError | None = None
        self.refused = ""

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        self.requests.append(request)
        if self.fail is not None:
            raise self.fail
        if self.refused and self.refused in request.texts:
            raise StepError("context_too_long", "too long")
        usage = Usage(input_tokens=sum(map(len, request.texts)))
        return EmbeddingResponse(tuple(embedded(EMBED, text) for text in request.texts), usage)


class World:
    def __init__(self, directory: Path) -> None:
        self.provider = Counting()
        calls = Calls(directory, prices=THIRDS)
        self.coalescer = Coalescer(THIRDS, calls.clock, 5)
        self.ports = replace(calls.ports(), providers={"local": self.provider}, joint_embeddings=self.coalescer)
        self.ledgers: list[Ledger] = []

    async def embed(self, *texts: str, **changes: Any) -> EmbeddingResponse:
        number, ledger = len(self.ledgers), Ledger()
        self.ledgers.append(ledger)
        one = call(ledger, pinned=PIN, call_id=f"call-{number}", idempotency_key=f"key-{number}", **changes)
        return await embedding.embedded(self.ports, one, texts)

    def paid(self) -> list[int]:
        return [ledger.cost_nano for ledger in self.ledgers]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_calls_at_once_are_one_request_and_their_parts_are_the_bill(world: World) -> None:
    asked = [["one"], ["two", "three and more"], ["x" * 100]]
    found = await asyncio.gather(*(world.embed(*texts) for texts in asked))
    (request,) = world.provider.requests
    assert request.texts == tuple(text for texts in asked for text in texts)
    for texts, answer in zip(asked, found, strict=True):
        assert answer.vectors == tuple(embedded(EMBED, text) for text in texts)
        sent = {"model": EMBED, "texts": texts, "shared_by": 3}
        assert answer.sent == sent, "no call sees what others asked"
        assert answer.notes == ("shared:3",)
    whole = Usage(input_tokens=sum(len(text) for text in request.texts))
    assert sum(answer.usage.input_tokens for answer in found) == whole.input_tokens
    assert sum(world.paid()) == THIRDS.cost("local", EMBED, whole)
    assert [len(ledger.costs) for ledger in world.ledgers] == [1, 1, 1]


async def test_random_groups_add_up_to_the_nano_dollar(world: World) -> None:
    dice = random.Random(0)
    for _ in range(100):
        world.ledgers.clear()
        world.provider.requests.clear()
        asked = [["w" * dice.randint(1, 400) for _ in range(dice.randint(1, 4))] for _ in range(dice.randint(2, 12))]
        found = await asyncio.gather(*(world.embed(*texts) for texts in asked))
        (request,) = world.provider.requests
        whole = Usage(input_tokens=sum(map(len, request.texts)))
        assert sum(one.usage.input_tokens for one in found) == whole.input_tokens
        assert sum(world.paid()) == THIRDS.cost("local", EMBED, whole)


@pytest.mark.parametrize("changes", [{"org_id": "other"}, {"data_class": "pii"}])
async def test_other_organisations_and_classes_go_apart(world: World, changes: dict[str, Any]) -> None:
    await asyncio.gather(world.embed("one"), world.embed("two", **changes))
    assert [request.texts for request in world.provider.requests] == [("one",), ("two",)]
    assert world.ledgers[0].calls[0].notes == [], "a call alone is as before"


async def test_more_texts_than_a_request_takes_are_several(world: World) -> None:
    await asyncio.gather(*(world.embed(*(["t"] * 40)) for _ in range(3)))
    assert sorted(len(request.texts) for request in world.provider.requests) == [40, 80]
    await world.embed(*(["t"] * (MOST_TEXTS + 1)))
    assert len(world.provider.requests[-1].texts) == MOST_TEXTS + 1


async def test_a_refusal_for_good_is_of_the_call_that_it_is_of(world: World) -> None:
    world.provider.refused = "long"
    good, bad = await asyncio.gather(world.embed("one"), world.embed("long"), return_exceptions=True)
    assert isinstance(good, EmbeddingResponse)
    assert isinstance(bad, StepError)
    assert bad.code == "context_too_long"
    assert world.paid() == [THIRDS.cost("local", EMBED, Usage(input_tokens=3)), 0]


async def test_an_unknown_outcome_is_presumed_for_each_call(world: World) -> None:
    world.provider.fail = StepError("provider_timeout", "slow", retryable=True, details={"outcome": "unknown"})
    found = await asyncio.gather(world.embed("one"), world.embed("two"), return_exceptions=True)
    assert [one.code for one in found if isinstance(one, StepError)] == ["provider_timeout"] * 2
    assert [ledger.costs[0].kind for ledger in world.ledgers] == ["presumed"] * 2
    assert len(world.provider.requests) == 1


async def test_a_caller_that_goes_away_leaves_the_others_their_answer(world: World) -> None:
    leaves, stays = asyncio.create_task(world.embed("one")), asyncio.create_task(world.embed("two"))
    for _ in range(100):
        await asyncio.sleep(0)
        if world.coalescer._open:
            break
    leaves.cancel()
    answer = await stays
    assert answer.vectors == (embedded(EMBED, "two"),)
    assert leaves.cancelled() or leaves.cancelling()
    await asyncio.gather(leaves, return_exceptions=True)
    await world.coalescer.close()


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (0, [3, 5], [0, 0]),
        (7, [0, 5, 2], [0, 5, 2]),
        (1, [1, 2, 3], [0, 0, 1]),
        (100, [333, 333, 334], [33, 33, 34]),
    ],
)
def test_parts_by_the_largest_remainder(total: int, weights: list[int], parts: list[int]) -> None:
    assert apportioned(total, weights) == parts


def test_parts_are_whole_add_up_and_are_near_their_share() -> None:
    dice = random.Random(1)
    for _ in range(2_000):
        weights = [dice.randrange(1_000) for _ in range(dice.randint(1, 20))] + [1]
        total = dice.randrange(sum(weights) + 1)
        parts = apportioned(total, weights)
        assert sum(parts) == total
        assert all(part <= weight for part, weight in zip(parts, weights, strict=True)), "none is over its bound"


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 5]])
def test_weights_that_are_none_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        apportioned(1, weights)
