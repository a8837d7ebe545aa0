"""Answers with one place replaced by something else: read or refused, and never anything worse."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from connectors.prices.book import PriceBook
from connectors.prices.rates import PART_OF
from connectors.providers.anthropic.wire import MessagesWire
from connectors.providers.cohere.provider import ChatV2Wire
from connectors.providers.compatible.wire import ChatWire
from connectors.providers.google.provider import GenerateContentWire
from connectors.providers.http_errors import status_of_error
from connectors.providers.openai.provider import ResponsesWire
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import MalformedError, Wire
from tests.support.wire_fixtures import cases, fixture, request_of

WIRES: dict[str, Wire] = {
    "openai": ChatWire("openai"),
    "responses": ResponsesWire("openai"),
    "anthropic": MessagesWire(),
    "google": GenerateContentWire(),
    "cohere": ChatV2Wire(),
}
PRICES = PriceBook.load()
BOUNDS = Bounds(1_000, 100)
REASONS = ("stop", "length", "tool_calls", "content_filter", "refusal")
STRANGE = [None, True, -1, 0, 7, 2**70, 1.5, float("inf"), float("nan"), "", "x", [], [None], [[]], {}, {"x": {}}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield from places(item, (*path, key))


def damaged(answer: Any, path: tuple[Any, ...], instead: Any) -> Any:
    if not path:
        return instead
    answer = copy.deepcopy(answer)
    place = answer
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = instead
    return answer


@pytest.mark.parametrize(("provider", "name"), [case for case in cases() if case[0] in WIRES])
def test_a_damaged_answer_is_read_or_refused(provider: str, name: str) -> None:
    case, wire, chance = fixture(provider, name), WIRES[provider], random.Random(f"{provider}/{name}")
    request = request_of(case["model"], case["request"])
    for path in places(case["received"]):
        for instead in [*STRANGE, *chance.sample(STRANGE, 2)]:
            answer = damaged(case["received"], path, instead)
            status_of_error(answer)
            try:
                completion = wire.read(answer, request)
            except MalformedError:
                continue
            assert isinstance(completion.text, str)
            assert completion.finish_reason in REASONS
            assert completion.text or completion.asked or completion.problem or instead == ""
            assert all(isinstance(one.args, dict) and isinstance(one.name, str) for one in completion.asked)
            usage, notes = counted(completion.counts, BOUNDS)
            msgspec.json.encode([usage, notes, completion.served])
            assert all(0 <= getattr(usage, kind) < 2**53 for kind in usage.__struct_fields__)
            assert all(getattr(usage, part) <= getattr(usage, whole) for part, of in PART_OF.items() for whole in of)
            assert PRICES.cost(case_provider(provider), case["model"], usage, 0, completion.served) >= 0


def case_provider(provider: str) -> str:
    return "openai" if provider == "responses" else provider
