"""Each batched call is made once and paid once at its price, wherever processes are killed."""

import asyncio
from typing import Any

import pytest

from bench.batching.crashes import play
from connectors.providers.batching.openai import OpenAIBatches
from services.batches import sender
from services.batches.collector import Collector
from services.batches.points import POINTS


def test_calls_are_paid_once_at_the_price_of_a_batch_wherever_processes_die() -> None:
    played = asyncio.run(play(40, seed=1))
    assert len(played.killed) >= 20
    assert set(played.killed) <= set(POINTS)
    assert (played.once, played.off_nano) == (40, 0)
    assert (played.made_twice, played.still_held) == (0, 0)


async def nothing(*_: Any) -> list[Any]:
    return []


def test_the_proof_finds_a_sender_that_does_not_look_for_what_it_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "find", nothing)
    monkeypatch.setattr(sender, "GRACE_MS", 0)
    played = asyncio.run(play(12, seed=1, points=("created",), lost_replies=0))
    assert played.off_nano > 0, "the provider bills a batch that nobody knows of"


def test_the_proof_finds_a_collector_that_does_not_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Collector._end

    async def unsettled(self: Collector, outcomes: Any) -> None:
        await ending(self, [one._replace(cost=None) for one in outcomes])

    monkeypatch.setattr(Collector, "_end", unsettled)
    # The calls of runs that ended meanwhile are settled by nobody else.
    played = asyncio.run(play(12, seed=1, points=(), lost_replies=0))
    assert played.still_held > 0
