"""A streamed call through all stages: its deltas, its first piece, and its money when it breaks off."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.deltas import Delta, End, Piece, ReasoningDelta, TextDelta, UsageDelta
from connectors.providers.streaming import Deltas
from schemas.errors import StepError
from schemas.records.base import Usage
from services.caching.entry import CachedAnswer
from services.calls.answers.streamed import BrokenStreamError
from services.calls.call import Answer, Call
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.ports import Guard
from tests.support.calls import PRICES, Calls, MemoryProvider, WordGuard, call
from topics.catalogue import PROVIDER_CALLS
from topics.codec import decode, encode

USAGE = Usage(input_tokens=4, output_tokens=9)
SEEN = Usage(input_tokens=4, output_tokens=1)
RESPONSE = ModelResponse("one two", USAGE, "stop", {"q": 1}, {"a": 1})
DELTAS: tuple[Delta, ...] = (
    UsageDelta(SEEN),
    ReasoningDelta("hm"),
    TextDelta("one "),
    TextDelta("two"),
    UsageDelta(USAGE),
    End(RESPONSE),
)


class StreamingProvider(MemoryProvider):
    """Yields ``script``; an error in it is raised, and ``None`` waits for ever."""

    def __init__(self, script: Sequence[Delta | Exception | None]) -> None:
        super().__init__([])
        self.script = script
        self.closed = False

    async def stream(self, request: ModelRequest) -> Deltas:
        try:
            for one in self.script:
                if one is None:
                    self.running.set()
                    await asyncio.Event().wait()
                elif isinstance(one, Exception):
                    raise one
                else:
                    yield one
        finally:
            self.closed = True


class Listener:
    """Takes deltas; raises at the one numbered ``fails_at``."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.deltas: list[Piece | UsageDelta] = []
        self._fails_at = fails_at

    async def __call__(self, delta: Piece | UsageDelta) -> None:
        if len(self.deltas) == self._fails_at:
            raise ConnectionError("nobody listens")
        self.deltas.append(delta)


class Made:
    """A call through all stages of a provider with this script."""

    def __init__(
        self, directory: Path, script: Sequence[Delta | Exception | None], guards: Sequence[Guard] = ()
    ) -> None:
        self.calls = Calls(directory)
        self.provider = StreamingProvider(script)
        self.ports = replace(self.calls.ports(guards=guards), providers={"local": self.provider})
        self.ledger = Ledger()

    def call(self, **changes: Any) -> Call:
        return call(self.ledger, **changes)

    async def answer(self, **changes: Any) -> Answer:
        return await compose(call_stages(self.ports))(self.call(**changes))

    async def broken(self, **changes: Any) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.answer(**changes)
        assert self.provider.closed
        return caught.value


async def test_deltas_reach_the_listener_in_order_and_the_answer_is_whole(tmp_path: Path) -> None:
    made, listener = Made(tmp_path, DELTAS), Listener()
    answer = await made.answer(on_delta=listener)
    assert (answer.response, listener.deltas) == (RESPONSE, list(DELTAS[:-1]))
    (cost,), (record,), (span,) = made.ledger.costs, made.ledger.calls, made.ledger.spans
    assert (cost.kind, cost.usage, record.usage) == ("actual", USAGE, USAGE)
    assert record.ttft_ms is not None
    assert 0 < record.ttft_ms <= record.latency_ms
    assert span.attributes["agentflow.call.ttft_ms"] == record.ttft_ms
    assert decode(PROVIDER_CALLS, encode(record)) == record
    assert made.provider.closed


async def test_a_call_that_asks_for_a_stream_needs_no_listener(tmp_path: Path) -> None:
    made = Made(tmp_path, DELTAS)
    assert (await made.answer(stream=True)).response == RESPONSE
    assert made.ledger.calls[0].ttft_ms is not None
    assert made.provider.asked == [], "it was streamed"


async def test_a_plain_call_is_not_streamed_and_records_no_first_piece(tmp_path: Path) -> None:
    made = Made(tmp_path, DELTAS)
    assert (await made.answer()).response.text == "an answer"
    assert made.ledger.calls[0].ttft_ms is None
    assert b"ttft_ms" not in encode(made.ledger.calls[0])


async def test_a_provider_without_streams_gives_its_whole_answer_as_deltas(tmp_path: Path) -> None:
    calls, listener, ledger = Calls(tmp_path), Listener(), Ledger()
    answer = await compose(call_stages(calls.ports()))(call(ledger, on_delta=listener))
    assert [delta for delta in listener.deltas if isinstance(delta, TextDelta)] == [TextDelta(answer.response.text)]


async def test_a_listener_that_fails_costs_the_caller_only_the_deltas(tmp_path: Path) -> None:
    made, listener = Made(tmp_path, DELTAS), Listener(fails_at=2)
    answer = await made.answer(on_delta=listener)
    assert (answer.response.text, len(listener.deltas)) == ("one two", 2)
    assert made.ledger.calls[0].notes == ["deltas:not_delivered"]
    assert made.ledger.costs[0].kind == "actual"


CUT = StepError("provider_unavailable", "cut", retryable=True, details={"outcome": "unknown"})


@pytest.mark.parametrize("with_listener", [True, False])
async def test_a_cut_stream_is_presumed_at_its_counts_and_as_much_output_as_it_may_have_had(
    tmp_path: Path, with_listener: bool
) -> None:
    made = Made(tmp_path, [*DELTAS[:3], CUT])
    error = await made.broken(on_delta=Listener() if with_listener else None, stream=True)
    assert isinstance(error, BrokenStreamError)
    assert (error.code, error.retryable, error.details["outcome"]) == ("provider_unavailable", True, "unknown")
    assert ("streamed" in error.details) is with_listener
    (cost,), (record,) = made.ledger.costs, made.ledger.calls
    booked = Usage(input_tokens=4, output_tokens=100)
    assert (cost.kind, cost.usage, record.outcome) == ("presumed", booked, "unknown")
    assert cost.amount_nano == record.cost_nano == PRICES.cost("local", "local-silver", booked)
    assert cost.amount_nano <= made.calls.started[0].amount_nano
    assert (record.notes, record.ttft_ms is not None) == (["stream:broken"], True)


async def test_a_cut_before_anything_was_counted_is_presumed_at_the_estimate(tmp_path: Path) -> None:
    made = Made(tmp_path, [TextDelta("one"), CUT])
    await made.broken(stream=True)
    (cost,) = made.ledger.costs
    assert (cost.kind, cost.amount_nano) == ("presumed", made.calls.started[0].amount_nano)


async def test_an_error_before_the_answer_costs_nothing(tmp_path: Path) -> None:
    made = Made(tmp_path, [UsageDelta(SEEN), StepError("rate_limited", "slow", retryable=True, retry_after_ms=7)])
    error = await made.broken(stream=True)
    assert (error.code, error.retry_after_ms) == ("rate_limited", 7)
    assert [(one.kind, one.amount_nano) for one in made.ledger.costs] == [("actual", 0)]
    assert made.ledger.calls[0].outcome == "rate_limited"


async def test_an_error_after_the_answer_began_is_presumed_whatever_its_class(tmp_path: Path) -> None:
    late = StepError("rate_limited", "slow", retryable=True, details={"outcome": "unknown"})
    made = Made(tmp_path, [*DELTAS[:3], late])
    await made.broken(stream=True)
    assert (made.ledger.costs[0].kind, made.ledger.calls[0].outcome) == ("presumed", "unknown")


async def test_a_stream_that_takes_too_long_is_closed_and_presumed(tmp_path: Path) -> None:
    made = Made(tmp_path, [*DELTAS[:3], None])
    error = await made.broken(stream=True, timeout_s=0.05)
    assert (error.code, made.ledger.calls[0].outcome) == ("timeout", "timeout")
    assert made.ledger.costs[0].usage == Usage(input_tokens=4, output_tokens=100)


async def test_the_end_of_the_run_closes_the_stream(tmp_path: Path) -> None:
    made = Made(tmp_path, [*DELTAS[:3], None])
    running = asyncio.ensure_future(made.broken(stream=True))
    await made.provider.running.wait()
    made.calls.aborts.end("run")
    assert (await running).code == "canceled"
    assert (made.ledger.costs[0].kind, made.ledger.calls[0].outcome) == ("presumed", "unknown")


async def test_counts_that_cannot_be_do_not_make_a_cut_stream_dear(tmp_path: Path) -> None:
    made = Made(tmp_path, [UsageDelta(Usage(input_tokens=2**52)), TextDelta("one"), CUT])
    await made.broken(stream=True)
    assert made.ledger.costs[0].amount_nano <= made.calls.started[0].amount_nano


async def test_a_stream_without_an_end_is_an_error_of_its_provider(tmp_path: Path) -> None:
    made = Made(tmp_path, DELTAS[:3])
    assert (await made.broken(stream=True)).code == "provider_error"


async def test_guards_see_the_answer_before_the_listener_does(tmp_path: Path) -> None:
    made, listener = Made(tmp_path, DELTAS, [WordGuard([], "two", "2")]), Listener()
    await made.answer(on_delta=listener)
    assert listener.deltas == [TextDelta("one 2")]
    made, listener = Made(tmp_path, DELTAS, [WordGuard([], "two", None)]), Listener()
    await made.broken(on_delta=listener, template=None)
    assert listener.deltas == []


async def test_an_earlier_answer_is_one_delta(tmp_path: Path) -> None:
    made, listener = Made(tmp_path, DELTAS), Listener()
    await made.answer(cache=True)
    (key,) = made.calls.cache.answers
    _, keep = made.calls.cache.answers[key]
    earlier = CachedAnswer(text="from before", usage=USAGE)
    made.calls.cache.answers[key] = (earlier.encoded(), keep)
    await made.answer(cache=True, on_delta=listener)
    assert listener.deltas == [TextDelta("from before")]
