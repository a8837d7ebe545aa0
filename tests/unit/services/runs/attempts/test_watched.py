"""Pieces of answers go to the bus while somebody reads, and only then."""

from typing import Any

import pytest

from connectors.ports.pubsub import NEW, WATCH_S, tokens_subject, want_subject
from connectors.providers.base import ModelResponse
from connectors.providers.deltas import ReasoningDelta, TextDelta
from schemas.records.steps import FunctionCall, StepRequest
from schemas.records.token_pieces import TokenPieces, decoded
from services.calls.call import Answer, Call
from services.runs.attempts.watched import Watchers
from tests.support.bus import MemoryBus
from tests.support.calls import USAGE, call

WANT, TOKENS = want_subject("acme", "run"), tokens_subject("acme", "run")
REQUEST = StepRequest(
    run_id="run",
    org_id="acme",
    workflow_name="flow",
    workflow_version=1,
    step_id="a[3]",
    node_id="a",
    attempt=2,
    tier="silver",
    requested_at_ms=1,
    work=FunctionCall(name="give"),
)


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_000

    def now_ms(self) -> int:
        return self.ms


class Model:
    """Answers in pieces; ``between`` happens after the first."""

    def __init__(self, between: Any = lambda: None) -> None:
        self.between = between
        self.call: Call | None = None

    async def __call__(self, call: Call) -> Answer:
        self.call = call
        if call.on_delta is not None:
            await call.on_delta(ReasoningDelta("hm"))
            await call.on_delta(TextDelta("one "))
            self.between()
            await call.on_delta(TextDelta("two"))
        return Answer(response=ModelResponse("one two", USAGE, "stop", {}, {}))


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def watchers(bus: MemoryBus, clock: Hand) -> Watchers:
    return Watchers(bus, clock)  # type: ignore[arg-type]


def said(bus: MemoryBus) -> list[TokenPieces | None]:
    return [decoded(data) for data in bus.of(TOKENS)]


def pieces(index: int, *texts: str) -> TokenPieces:
    return TokenPieces("a[3]", "a", 2, index, list(texts))


async def test_nobody_reads_nothing_is_streamed_or_said(bus: MemoryBus, watchers: Watchers) -> None:
    model = Model()
    await watchers.ask(REQUEST, call(), model)
    assert model.call is not None
    assert model.call.on_delta is None
    assert bus.said == []


async def test_reader_gets_each_piece_with_its_number(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(WANT, NEW)
    model = Model()
    await watchers.ask(REQUEST, call(), model)
    assert model.call is not None
    assert model.call.watched
    assert said(bus) == [pieces(0, "one "), pieces(1, "two")]


async def test_reader_who_comes_late_gets_all_where_the_node_asks_for_streams(
    bus: MemoryBus, watchers: Watchers
) -> None:
    await watchers.ask(REQUEST, call(stream=True), Model(lambda: bus.publish(WANT, NEW)))
    assert said(bus) == [pieces(0, "one "), pieces(1, "two")]


async def test_second_reader_gets_the_beginning_too(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(WANT, b"")
    await watchers.ask(REQUEST, call(), Model(lambda: bus.publish(WANT, NEW)))
    assert said(bus) == [pieces(0, "one "), pieces(0, "one "), pieces(1, "two")]


async def test_reader_of_another_run_or_organisation_gets_nothing(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(want_subject("acme", "other"), NEW)
    bus.publish(want_subject("other", "run"), NEW)
    await watchers.ask(REQUEST, call(stream=True), Model())
    assert said(bus) == []


async def test_interest_ends_with_its_time(bus: MemoryBus, watchers: Watchers, clock: Hand) -> None:
    bus.publish(WANT, NEW)
    clock.ms += int(WATCH_S * 1000)
    model = Model()
    await watchers.ask(REQUEST, call(), model)
    assert model.call is not None
    assert model.call.on_delta is None


async def test_what_a_lost_bus_did_not_take_comes_with_the_next_piece(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(WANT, NEW)

    def back() -> None:
        bus.connected = True

    class Flaky(Model):
        async def __call__(self, call: Call) -> Answer:
            bus.connected = False
            return await super().__call__(call)

    await watchers.ask(REQUEST, call(), Flaky(back))
    assert said(bus) == [pieces(0, "one ", "two")]


async def test_without_a_bus_a_call_is_as_it_is(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(WANT, NEW)
    bus.connected = False
    model = Model()
    await watchers.ask(REQUEST, call(stream=True), model)
    assert model.call is not None
    assert model.call.on_delta is None


async def test_run_of_a_person_is_said_to_nobody(bus: MemoryBus, watchers: Watchers) -> None:
    bus.publish(WANT, NEW)
    await watchers.ask(REQUEST, call(subject="p_1", stream=True), Model())
    assert said(bus) == []


async def test_ended_call_is_forgotten(bus: MemoryBus, watchers: Watchers) -> None:
    await watchers.ask(REQUEST, call(stream=True), Model())
    bus.publish(WANT, NEW)
    assert said(bus) == []
