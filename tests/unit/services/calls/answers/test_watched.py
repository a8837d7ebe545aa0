"""A call that somebody only looks on: it falls back, is repaired and judged as without them."""

from pathlib import Path
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.deltas import End, Piece, TextDelta, UsageDelta
from connectors.providers.streaming import Deltas
from schemas.errors import StepError
from schemas.records.steps import RouteWish
from schemas.tables.routes import NOTHING, Learned
from services.calls.answers.streamed import NOT_DELIVERED
from services.calls.call import Answer
from services.calls.ledger import Ledger
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from tests.support.calls import PRICES, USAGE, Calls, MemoryProvider, call, for_all

BROKEN = StepError("provider_unavailable", "the stream broke", retryable=True)
WISH = RouteWish(by="best", fallbacks=2)


class Streaming(MemoryProvider):
    """Streams an answer of two pieces; of a model that ``breaks`` the first piece alone."""

    def __init__(self, breaks: str = "") -> None:
        super().__init__([])
        self.breaks = breaks

    async def stream(self, request: ModelRequest) -> Deltas:
        self.asked.append(request)
        text = f"of {request.model}"
        yield TextDelta(text[:3])
        if request.model == self.breaks:
            raise BROKEN
        yield TextDelta(text[3:])
        yield End(ModelResponse(text, USAGE, "stop", {"q": 1}, {"a": 1}))


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


class Reader:
    """Keeps what it sees, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.texts: list[str] = []
        self.fails = fails

    async def __call__(self, delta: Piece | UsageDelta) -> None:
        if self.fails:
            raise RuntimeError("gone")
        if isinstance(delta, TextDelta):
            self.texts.append(delta.text)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    made = Calls(tmp_path)
    made.router = PolicyRouter(Models.load(), ["local"], for_all(PRICES), Nothing())  # type: ignore[assignment]
    return made


async def make(calls: Calls, provider: MemoryProvider, reader: Reader, **changes: Any) -> Answer:
    calls.provider = provider
    fields = {"tier": "bronze", "wish": WISH, "on_delta": reader, "watched": True} | changes
    return await calls.make()(call(Ledger(), **fields))


async def test_looking_on_makes_a_stream_of_a_call_and_changes_no_answer(calls: Calls) -> None:
    reader = Reader()
    answer = await make(calls, Streaming(), reader)
    assert answer.response.text == "".join(reader.texts) == "of local-gold"


async def test_another_route_answers_though_a_part_was_seen_and_is_not_shown_after_it(calls: Calls) -> None:
    reader = Reader()
    answer = await make(calls, Streaming("local-gold"), reader)
    assert answer.response.text == "of local-silver"
    assert reader.texts == ["of "]


async def test_caller_who_uses_the_pieces_gets_no_other_answer(calls: Calls) -> None:
    with pytest.raises(StepError) as caught:
        await make(calls, Streaming("local-gold"), Reader(), watched=False)
    assert caught.value.details["streamed"] == "true"


async def test_reader_who_fails_is_no_note_of_the_call(calls: Calls) -> None:
    answer = await make(calls, Streaming(), Reader(fails=True))
    assert answer.response.text == "of local-gold"
    assert NOT_DELIVERED not in answer.response.notes


@pytest.mark.parametrize(("watched", "delivers"), [(True, False), (False, True)])
def test_only_a_caller_who_uses_pieces_has_them_delivered(watched: bool, delivers: bool) -> None:
    assert call(on_delta=Reader(), watched=watched).delivers is delivers
    assert not call(watched=watched).delivers
