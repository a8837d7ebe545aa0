"""Weeks of calls with one planted waste each, and lean ones: what the optimizer must name, and what it must not.

Each world has two weeks of the same process. The first is the optimizer's evidence; the second is replayed with the
change, and what that saves is the truth that a suggestion is held against.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from connectors.clickhouse.call_facts import CallFact
from connectors.prices.book import PriceBook
from schemas.records.base import Usage
from schemas.spec.model import LlmNode
from services.optimizer.facts import Group, Place
from services.routing.models import Model

WEEK_MS = 7 * 86_400_000
START_MS = 1_795_305_600_000
CALLS = 2_000
TTL_MS = 3_600_000
_MINUTE_MS = 60_000

#: Models with list prices; their qualities are made up, so that what is planted stays planted.
_QUALITIES = {
    "anthropic/claude-opus-4-1": 0.88,
    "openai/gpt-5": 0.88,
    "anthropic/claude-sonnet-4-5": 0.84,
    "openai/gpt-5-mini": 0.84,
    "openai/gpt-4.1": 0.66,
    "openai/gpt-5-nano": 0.66,
    "openai/gpt-4o": 0.46,
    "openai/gpt-4.1-nano": 0.46,
}
MODELS = [
    Model(
        **dict(zip(("provider", "model"), route.split("/"), strict=True)),
        quality=quality,
        source="made up for a measurement",
        context_tokens=200_000,
        latency_ms=1_000,
    )
    for route, quality in _QUALITIES.items()
]
_CHEAPEST = "openai/gpt-5-nano"


class World(Struct, frozen=True, kw_only=True):
    """The calls of a week with one waste, ``None`` when lean, and what a change would save in the next."""

    kind: str | None
    week: Group
    truth_nano: int = 0


def worlds(prices: PriceBook) -> Iterator[World]:
    """Yield 42 planted wastes, then 30 lean worlds."""
    for number in range(10):
        yield _cached(prices, number)
    for number, (dear, tier) in enumerate(_SWITCHES):
        yield _switched(prices, number, dear, tier)
    for number in range(8):
        yield _trimmed(prices, number)
    for number, model in enumerate(("deepseek-chat", "deepseek-reasoner", "deepseek-v4-pro")):
        yield _scheduled(prices, number, model)
    for number in range(6):
        yield _batched(prices, number)
    for number in range(6):
        yield _marked(prices, number)
    for number in range(30):
        yield _lean(prices, number)


#: Dear models where another of the table has their quality, or the node asks for less.
_SWITCHES = (
    ("anthropic/claude-opus-4-1", "gold"),
    ("anthropic/claude-opus-4-1", "silver"),
    ("anthropic/claude-sonnet-4-5", "gold"),
    ("anthropic/claude-sonnet-4-5", "bronze"),
    ("openai/gpt-5", "silver"),
    ("openai/gpt-5", "bronze"),
    ("openai/gpt-4.1", "silver"),
    ("openai/gpt-4o", "bronze"),
    ("openai/gpt-4.1-nano", "bronze"),
)


def _cached(prices: PriceBook, number: int) -> World:
    """A few hundred questions, some asked much more often than others, at temperature 0."""
    questions = 60 * (number + 2)
    weights = [1 / (rank + 1) for rank in range(questions)]

    def ask(rng: random.Random) -> int:
        return 1 + rng.choices(range(questions), weights)[0]

    made = _Maker(prices, _CHEAPEST, f"cache-{number}", {"temperature": 0.0}, ask=ask)
    return World(kind="cache", week=made.week(0), truth_nano=_saved_by_cache(made.week(1).calls))


def _saved_by_cache(calls: tuple[CallFact, ...]) -> int:
    """Play a cache as users would see it: an entry is made, serves until its time, and goes."""
    entries: dict[int, int] = {}
    saved = 0
    for call in calls:
        entries = {request: until for request, until in entries.items() if until > call.at_ms}
        if call.request in entries:
            saved += call.cost_nano
        else:
            entries[call.request] = call.at_ms + TTL_MS
    return saved


def _switched(prices: PriceBook, number: int, dear: str, tier: str) -> World:
    """Calls of a dear model. Their truth depends on the model that is suggested, see ``saved_by``."""
    made = _Maker(prices, dear, f"switch-{number}", {}, policy={"quality": tier, "sla_ms": 60_000})
    return World(kind="switch", week=made.week(0))


def saved_by(prices: PriceBook, world: World, provider: str, model: str) -> int:
    """Return what the next week of a world costs less with another model."""
    place = world.week.place
    made = _Maker(prices, place.route, place.workflow, {}, policy=world.week.node.policy.model_dump())
    return sum(
        call.cost_nano - prices.cost(provider, model, call.usage, START_MS + WEEK_MS) for call in made.week(1).calls
    )


def _trimmed(prices: PriceBook, number: int) -> World:
    made = _Maker(prices, _CHEAPEST, f"trim-{number}", {"max_tokens": 4_096 * (number + 1)})
    return World(kind="trim", week=made.week(0))


def _scheduled(prices: PriceBook, number: int, model: str) -> World:
    made = _Maker(prices, f"deepseek/{model}", f"schedule-{number}", {}, policy={})
    after = made.week(1).calls
    hours = [START_MS + WEEK_MS + hour * TTL_MS + _MINUTE_MS for hour in range(24)]
    cheapest = min(hours, key=lambda at: prices.cost("deepseek", model, after[0].usage, at))
    saved = sum(call.cost_nano - prices.cost("deepseek", model, call.usage, cheapest) for call in after)
    return World(kind="schedule", week=made.week(0), truth_nano=saved)


def _batched(prices: PriceBook, number: int) -> World:
    """Calls of the cheapest model, whose answers may take a day, or whose nodes have no sla_ms."""
    policy = {"quality": "bronze"} | ({"sla_ms": 86_400_000 * number} if number else {})
    made = _Maker(prices, _CHEAPEST, f"batch-{number}", {}, policy=policy)
    # Half of the list price, whatever the price book says of batches.
    return World(kind="batch", week=made.week(0), truth_nano=sum(call.cost_nano for call in made.week(1).calls) // 2)


def _marked(prices: PriceBook, number: int) -> World:
    """Calls that begin with the same long text, which their provider would keep if it was asked to."""
    route, tokens = "anthropic/claude-sonnet-4-5", 3_000 * (number + 1)
    made = _Maker(prices, route, f"marks-{number}", {}, policy=_lean_policy("gold"), beginning=tokens)
    after = made.week(1).calls
    best = max(_saved_by_marks(prices, after, tokens, lives_ms) for lives_ms in (TTL_MS // 12, TTL_MS))
    return World(kind="marks", week=made.week(0), truth_nano=best)


def _saved_by_marks(prices: PriceBook, calls: tuple[CallFact, ...], tokens: int, lives_ms: int) -> int:
    """Play the provider's cache: each use keeps the beginning for its time, and a use after that writes it again."""
    saved, last_ms = 0, -TTL_MS
    for call in calls:
        read = call.at_ms - last_ms < lives_ms
        usage = Usage(
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
            cache_read_tokens=tokens if read else 0,
            cache_write_tokens=0 if read else tokens,
            cache_write_1h_tokens=0 if read or lives_ms < TTL_MS else tokens,
        )
        at_ms = call.at_ms - call.at_ms % TTL_MS
        saved += call.cost_nano - prices.cost("anthropic", "claude-sonnet-4-5", usage, at_ms)
        last_ms = call.at_ms
    return saved


def _lean(prices: PriceBook, number: int) -> World:
    """The cheapest model of what the node asks for, few questions twice, answers near the limit."""
    route, tier = (("openai/gpt-5-mini", "gold"), (_CHEAPEST, "bronze"))[number % 2]
    return World(kind=None, week=_Maker(prices, route, f"lean-{number}", {}, policy=_lean_policy(tier)).week(0))


def _lean_policy(tier: str) -> dict[str, Any]:
    return {"quality": tier, "sla_ms": 30_000}


@dataclass
class _Maker:
    """Makes the weeks of one node: the same seed and number give the same calls.

    ``config`` and ``policy`` are the node's, ``ask`` draws what a call asks, ``beginning`` are tokens that all share.
    """

    prices: PriceBook
    route: str
    name: str
    config: dict[str, Any]
    policy: dict[str, Any] = field(default_factory=lambda: _lean_policy("bronze"))
    ask: Callable[[random.Random], int] = lambda rng: rng.getrandbits(62) + 1
    beginning: int = 0

    def __post_init__(self) -> None:
        self._place = Place(self.name, "ask", *self.route.split("/", 1))
        form = {"id": "ask", "type": "llm", "policy": self.policy}
        whole = {"prompt_ref": "ask@1", "max_tokens": 512} | self.config
        self._node = LlmNode.model_validate(form | {"config": whole})

    def week(self, number: int) -> Group:
        """Return the calls of week 0 or 1."""
        rng = random.Random(f"{self._place.workflow}/{number}")  # noqa: S311 - a made-up log, and no secret
        start = START_MS + number * WEEK_MS
        times = sorted(start + rng.randrange(WEEK_MS) for _ in range(CALLS))
        calls = tuple(self._call(rng, at_ms, f"{number}-{n // 2}") for n, at_ms in enumerate(times))
        return Group(place=self._place, node=self._node, calls=calls)

    def _call(self, rng: random.Random, at_ms: int, run_id: str) -> CallFact:
        _, _, provider, model = self._place
        read = self.beginning + int(rng.lognormvariate(7, 0.5)) + 1
        usage = Usage(input_tokens=read, output_tokens=rng.randint(100, 480))
        # Bytes to a token differ from text to text by some percent.
        share = self.beginning / read * (rng.uniform(0.95, 1.05) if self.beginning else 0)
        return CallFact(
            at_ms=at_ms,
            run_id=run_id,
            workflow=self._place.workflow,
            version=1,
            node_id=self._place.node_id,
            provider=provider,
            model=model,
            usage=usage,
            cost_nano=self.prices.cost(provider, model, usage, at_ms - at_ms % TTL_MS),
            request=self.ask(rng),
            prefix=1 if self.beginning else 0,
            prefix_share=share,
        )
