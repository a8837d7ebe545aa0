"""Live answers beside those of a reference: which are asked, what is written, and what nobody pays for."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from msgspec import structs

from connectors.redis.claims.leases import Granted
from schemas.budgets import SHADOW_TAG
from schemas.errors import StepError, Unavailable
from schemas.records.base import Json, Record
from schemas.records.quality import AnswerScored
from schemas.records.steps import LlmCall, StepRequest
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.observability.replay.divergence import Watch, Watches
from streams.roles.worker.references import MOST, SUFFIX, TAG, ReferencePorts, References

WATCH = Watch(organisation="acme", model="openai/live", reference="openai/pinned", share=1.0)
WORK = LlmCall(prompt_name="summary", prompt_version=3, prompt_hash="h", template="Say {{x}}", cache=True, stream=True)
DAY_MS = 86_400_000


class World:
    """Answers in place of a provider; keeps what is asked, said and counted."""

    def __init__(self, *watches: Watch, answer: Any = "A fine day.", cost_nano: int = 0) -> None:
        self.answer, self.cost_nano, self.now = answer, cost_nano, DAY_MS
        self.asked: list[StepRequest] = []
        self.ledgers: list[Ledger] = []
        self.said: list[Record] = []
        self.counts: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        ports = ReferencePorts(call=self.call, say=self.say, clock=self, count=lambda one: self.counts.update([one]))  # type: ignore[arg-type]
        self.references = References(Watches(watches=watches or (WATCH,)), ports)

    def now_ms(self) -> int:
        return self.now

    async def call(self, request: StepRequest, granted: Granted, ledger: Ledger) -> Json:
        self.asked.append(request)
        self.ledgers.append(ledger)
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        ledger.costs.append(Cost(self.cost_nano))  # type: ignore[arg-type]
        return self.answer

    async def say(self, records: list[Record]) -> None:
        self.said += records

    def start(self, answer: Json = "A fine day.", model: str = "live", **changes: Any) -> None:
        ledger = Ledger()
        ledger.provider, ledger.model = "openai", model
        self.references.start(structs.replace(REQUEST, **changes), GRANTED, ledger, answer)

    async def done(self) -> list[AnswerScored]:
        async with asyncio.timeout(30):
            while running := self.references._tasks.running:
                await asyncio.gather(*running)
                await asyncio.sleep(0)
        return [one for one in self.said if isinstance(one, AnswerScored)]


class Cost:
    def __init__(self, amount_nano: int) -> None:
        self.amount_nano = amount_nano


REQUEST = StepRequest(
    run_id="run-1",
    org_id="acme",
    workflow_name="flow",
    workflow_version=1,
    step_id="ask",
    node_id="ask",
    attempt=1,
    tier="silver",
    work=WORK,
    args={"x": "something"},
    tags={"team": "red"},
    run_budget_nano=5,
    caps={"run-1": 5},
    requested_at_ms=1,
)
GRANTED = Granted(run_id="run-1", request_id=REQUEST.request_id, starts=1, calls=1, made_ms=1)


async def test_the_reference_is_asked_the_same_question_at_nobodys_cost() -> None:
    world = World()
    world.start()
    (pair,) = await world.done()
    (asked,), (ledger,) = world.asked, world.ledgers
    work = asked.work
    assert isinstance(work, LlmCall)
    assert (work.provider, work.model, work.template, asked.args) == ("openai", "pinned", "Say {{x}}", REQUEST.args)
    assert (work.cache, work.stream, asked.run_budget_nano, asked.caps) == (False, False, None, {})
    assert asked.tags == {"team": "red", SHADOW_TAG: TAG}
    assert (ledger.aside, ledger.key_suffix) == (True, SUFFIX)
    assert (pair.score, pair.model, pair.prompt, pair.version) == (1.0, "openai/live", "summary", 3)
    assert pair.compared is not None
    assert pair.compared.reference == "openai/pinned"
    assert world.counts == {"compared": 1}


async def test_an_answer_that_differs_says_so_without_its_words() -> None:
    world = World(answer="Rain, and more rain.")
    world.start("A fine day.")
    (pair,) = await world.done()
    assert pair.score == 0.0
    assert "fine" not in repr(pair)
    assert "Rain" not in repr(pair)


@pytest.mark.parametrize(
    "changes",
    [
        {"org_id": "other"},
        {"attempt": 2},
        {"subject": "ada"},
        {"work": structs.replace(WORK, prompt_name="greeter")},
    ],
)
async def test_what_is_not_watched_is_not_asked(changes: dict[str, Any]) -> None:
    world = World(WATCH.model_copy(update={"prompt": "summary"}))
    world.start(**changes)
    assert await world.done() == []
    assert world.asked == []


async def test_another_model_and_an_answer_of_the_cache_are_not_asked() -> None:
    world = World()
    world.start(model="mini")
    ledger = Ledger()
    ledger.provider, ledger.model = "openai", "live"
    ledger.calls.append(Cached())  # type: ignore[arg-type]
    world.references.start(REQUEST, GRANTED, ledger, "A fine day.")
    assert await world.done() == []
    assert world.asked == []


class Cached:
    cached = True


async def test_a_share_of_the_calls_is_asked() -> None:
    world = World(WATCH.model_copy(update={"share": 0.05}))
    for _ in range(100):
        world.start()
        await world.done()
    assert len(world.asked) == 5


async def test_a_reference_that_fails_is_no_pair() -> None:
    world = World(answer=StepError("provider_unavailable", "it is away"))
    world.start()
    assert await world.done() == []
    assert world.counts == {"failed": 1}


async def test_a_reference_that_must_wait_is_left_out() -> None:
    world = World(answer=Deferred("quota", 1_000))  # type: ignore[arg-type]
    world.start()
    assert await world.done() == []
    assert world.counts == {"left_out": 1}


async def test_its_budget_is_for_a_day() -> None:
    world = World(WATCH.model_copy(update={"budget_usd_per_day": 0.001}), cost_nano=600_000)
    for _ in range(3):
        world.start()
        await world.done()
    assert (len(world.asked), world.counts["left_out"]) == (2, 1), "the second call passes the limit"
    world.now += DAY_MS
    world.start()
    await world.done()
    assert len(world.asked) == 3


async def test_no_more_are_asked_at_once_than_there_is_room_for() -> None:
    world = World()
    world.gate.clear()
    for _ in range(MOST + 3):
        world.start()
    assert world.counts == {"left_out": 3}
    world.gate.set()
    assert len(await world.done()) == MOST


async def test_an_end_breaks_off_what_is_being_asked() -> None:
    world = World()
    world.gate.clear()
    world.start()
    await asyncio.sleep(0)
    await world.references.close()
    assert world.said == []


async def test_a_log_that_is_away_fails_nothing() -> None:
    world = World()

    async def away(_records: list[Record]) -> None:
        raise Unavailable("kafka", "it is away")

    world.say = away  # type: ignore[method-assign]
    world.references = References(
        Watches(watches=(WATCH,)),
        ReferencePorts(call=world.call, say=away, clock=world, count=lambda one: world.counts.update([one])),  # type: ignore[arg-type]
    )
    world.start()
    await world.done()
    assert world.counts == {"compared": 1}
