"""Fallbacks and hedges: the tries of one call, each with ids and money of its own."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from connectors.aio.clock import WallClock
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.redis.holds import Refused
from schemas.errors import StepError
from schemas.limits.quotas import Ask, Limit, Scope, Waiting
from schemas.records.steps import RouteWish
from schemas.tables.routes import NOTHING, Learned
from services.calls.call import Answer, Call, Proceed, Trial
from services.calls.cancellation import Cancellations
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.timeouts import Deferred
from services.routing.latencies import WINDOW
from services.routing.models import Models, RoutesFile
from services.routing.policy_router import PolicyRouter
from services.routing.router import Ended
from tests.support.calls import PRICES, USAGE, Calls, Killed, MemoryProvider, call, for_all

DOWN = StepError("provider_unavailable", "down", retryable=True)
BEST = RouteWish(by="best", fallbacks=2)
LEARN = RouteWish(by="learn", fallbacks=2)
HEDGED = RouteWish(by="best", fallbacks=2, hedge=True)
#: Answers that earn a hedge, which is paid for at its estimate.
EARNING = 150
ORDER = ["local-gold", "local-silver", "local-bronze"]


class ByModel(MemoryProvider):
    """Fails with ``fails`` of a model, and waits for its gate."""

    def __init__(self, trail: list[str]) -> None:
        super().__init__(trail)
        self.fails: dict[str, StepError] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.began: Callable[[str], None] = lambda _: None

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self.asked.append(request)
        self.began(request.model)
        if request.model in self.gates:
            await self.gates[request.model].wait()
        if request.model in self.fails:
            raise self.fails[request.model]
        return ModelResponse(f"of {request.model}", USAGE, "stop", {"q": 1}, {"a": 1})


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


class Full:
    """Quotas that are used up for some models."""

    def __init__(self, *models: str) -> None:
        self._models = models

    async def take(self, ask: Ask, patience_ms: float) -> Waiting | None:
        if ask.model not in self._models:
            return None
        limit = Limit("requests", "minute", 1)
        return Waiting(60_000, Scope(ask.model, ask.model, (limit,)), limit, back=True)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    made = Calls(tmp_path)
    made.provider = ByModel(made.trail)
    made.router = PolicyRouter(Models.load(), ["local"], for_all(PRICES), Nothing())  # type: ignore[assignment]
    return made


def fail(calls: Calls, *models: str, error: StepError = DOWN) -> None:
    assert isinstance(calls.provider, ByModel)
    calls.provider.fails |= dict.fromkeys(models, error)


async def make(calls: Calls, ledger: Ledger, ports: dict[str, Any] | None = None, **changes: Any) -> Answer:
    return await calls.make(**(ports or {}))(call(ledger, **({"tier": "bronze", "wish": BEST} | changes)))


async def measure(calls: Calls, model: str, latency_ms: float, number: int = 100) -> None:
    """Let the router have measured answers of a model that took so long."""
    for _ in range(number):
        await calls.router.report(Ended("acme", "ask", f"local/{model}", False, latency_ms))


async def test_next_route_answers_after_a_failure(calls: Calls) -> None:
    fail(calls, "local-gold", "local-silver")
    ledger = Ledger()
    answer = await make(calls, ledger)
    assert answer.response.text == "of local-bronze"
    assert [request.model for request in calls.provider.asked] == ORDER
    assert (ledger.provider, ledger.model) == ("local", "local-bronze")


async def test_each_try_has_its_own_ids_hold_record_and_settlement(calls: Calls) -> None:
    fail(calls, "local-gold")
    ledger = Ledger()
    await make(calls, ledger)
    ids = ["run:step:1@5#1", "run:step:1@5#1~1"]
    assert (
        [one.call_id for one in ledger.calls] == [one.call_id for one in ledger.costs] == list(calls.holds.held) == ids
    )
    assert [one.call_id for one in calls.started] == ids
    assert [one.idempotency_key for one in ledger.calls] == ["run:step:1", "run:step:1~1:local/local-silver"]
    assert len({span.span_id for span in ledger.spans}) == 2
    assert [one.amount_nano for one in ledger.costs] == [0, ledger.calls[1].cost_nano]
    assert calls.spent(ledger.costs) == ledger.cost_nano == ledger.calls[1].cost_nano > 0


@pytest.mark.parametrize("most", [0, 1, 2, 5])
async def test_no_more_routes_than_the_policy_allows(calls: Calls, most: int) -> None:
    fail(calls, *ORDER)
    with pytest.raises(StepError, match="down") as raised:
        await make(calls, Ledger(), wish=RouteWish(by="best", fallbacks=most))
    assert [request.model for request in calls.provider.asked] == ORDER[: most + 1]
    assert raised.value.retryable


@pytest.mark.parametrize("code", ["content_filtered", "provider_rejected", "provider_auth"])
async def test_final_error_is_not_taken_to_another_route(calls: Calls, code: str) -> None:
    fail(calls, "local-gold", error=StepError(code, "final"))
    with pytest.raises(StepError, match="final"):
        await make(calls, Ledger())
    assert len(calls.provider.asked) == 1


async def test_answer_that_a_guard_blocks_is_not_asked_for_again(calls: Calls) -> None:
    class Fails:
        async def question(self, call: Call) -> Call:
            return call

        async def answer(self, call: Call, response: ModelResponse) -> ModelResponse:
            raise RuntimeError("a guard broke")

    with pytest.raises(StepError, match="a guard broke"):
        await make(calls, Ledger(), {"guards": [Fails()]})
    assert len(calls.provider.asked) == 1


async def test_unknown_outcome_is_presumed_before_the_next_route_is_asked(calls: Calls) -> None:
    fail(
        calls, "local-gold", error=StepError("provider_timeout", "late", retryable=True, details={"outcome": "unknown"})
    )
    ledger = Ledger()
    await make(calls, ledger)
    assert [one.kind for one in ledger.costs] == ["presumed", "actual"]
    assert calls.spent(ledger.costs) == ledger.cost_nano == sum(one.amount_nano for one in ledger.costs)


async def test_call_that_may_not_be_repeated_stops_at_an_unknown_outcome(calls: Calls) -> None:
    fail(
        calls, "local-gold", error=StepError("provider_timeout", "late", retryable=True, details={"outcome": "unknown"})
    )
    with pytest.raises(StepError, match="late"):
        await make(calls, Ledger(), repeatable=False)
    assert len(calls.provider.asked) == 1


async def test_rate_limit_that_ends_before_the_deadline_waits_for_the_retry(calls: Calls) -> None:
    fail(calls, "local-gold", error=StepError("rate_limited", "slow down", retryable=True, retry_after_ms=3000))
    with pytest.raises(StepError, match="slow down"):
        await make(calls, Ledger(), sla_ms=5000)
    answer = await make(calls, Ledger(), sla_ms=2000)
    assert answer.response.text == "of local-silver"


async def test_context_too_long_goes_to_a_larger_context_only(calls: Calls) -> None:
    shipped = {one.model: one for one in Models.load().all if one.provider == "local"}
    larger = shipped["local-bronze"].model_copy(update={"context_tokens": 2_000_000})
    models = Models([RoutesFile(version="t", models=[shipped["local-gold"], shipped["local-silver"], larger])])
    calls.router = PolicyRouter(models, ["local"], for_all(PRICES), Nothing())  # type: ignore[assignment]
    fail(calls, "local-gold", error=StepError("context_too_long", "too long"))
    ledger = Ledger()
    await make(calls, ledger)
    assert [request.model for request in calls.provider.asked] == ["local-gold", "local-bronze"]
    trial = convert(ledger.spans[1].attributes["agentflow.try"], Trial)
    assert (trial.kind, trial.why) == ("fallback", "local/local-gold: context_too_long")
    assert [(one.route, one.reason) for one in trial.skipped] == [("local/local-silver", "context")]


async def test_route_that_cannot_meet_the_target_is_not_tried(calls: Calls) -> None:
    await measure(calls, "local-silver", 3000)
    fail(calls, "local-gold")
    await make(calls, Ledger(), sla_ms=2000)
    assert [request.model for request in calls.provider.asked] == ["local-gold", "local-bronze"]


async def test_budget_without_room_for_one_route_leaves_the_next(calls: Calls) -> None:
    fail(calls, "local-gold")
    no_room = Refused("b", "team", 1, 1, 0, None)
    hold = calls.holds.hold

    async def second_is_refused(request: Any) -> Any:
        return no_room if request.model == "local-silver" else await hold(request)

    calls.holds.hold = second_is_refused  # type: ignore[method-assign]
    ledger = Ledger()
    answer = await make(calls, ledger)
    assert answer.response.text == "of local-bronze"
    assert [one.model for one in ledger.calls] == ["local-gold", "local-bronze"]


async def test_cap_of_the_run_has_room_for_what_earlier_tries_did_cost(calls: Calls) -> None:
    unknown = StepError("provider_timeout", "late", retryable=True, details={"outcome": "unknown"})
    fail(calls, "local-gold", error=unknown)
    gold = PRICES.estimate("local", "local-gold", 5, 100)
    with pytest.raises(StepError, match="late"):
        await make(calls, Ledger(), cap_nano=gold)
    assert len(calls.provider.asked) == 1


async def test_quota_of_a_fallback_is_passed_over_and_of_the_first_route_waited_for(calls: Calls) -> None:
    fail(calls, "local-gold")
    answer = await make(calls, Ledger(), {"quotas": Full("local-silver")})
    assert answer.response.text == "of local-bronze"
    with pytest.raises(Deferred):
        await make(calls, Ledger(), {"quotas": Full("local-gold")})
    ledger = Ledger()
    with pytest.raises(StepError, match="down"):
        await make(calls, ledger, {"quotas": Full("local-silver", "local-bronze")})
    assert len(ledger.costs) == 1, "a settlement is never lost to a wait"


async def test_run_that_ends_during_a_call_is_not_asked_for_elsewhere(calls: Calls) -> None:
    provider = calls.provider
    assert isinstance(provider, ByModel)
    provider.gates["local-gold"] = asyncio.Event()
    provider.began = lambda _: calls.aborts.end("run")
    ledger = Ledger()
    with pytest.raises(StepError, match="the run or request behind it has ended"):
        await make(calls, ledger)
    assert [one.outcome for one in ledger.calls] == ["unknown"]


async def test_answer_of_a_fallback_is_cached_as_the_model_that_gave_it(calls: Calls) -> None:
    fail(calls, "local-gold")
    await make(calls, Ledger(), cache=True)
    kept = [(keep.ttl_ms, "model=local/local-silver" in look.scopes) for look, keep in calls.cache.stored]
    # Those that wait for the first model's answer get this one, for a moment.
    assert kept == [(2_000, False), (3_600_000, True)]


async def test_the_try_that_answers_is_the_decision_that_scores_name(calls: Calls) -> None:
    ledger = Ledger()
    for _ in range(20):
        await make(calls, Ledger(), wish=LEARN)
    first = calls.provider.asked[-1].model
    fail(calls, first)
    await make(calls, ledger, wish=LEARN)
    failed, answered = ledger.routes
    assert (failed.decision_id, failed.score, failed.fallback) == ("run:step:1@5#1", 0.0, False)
    assert failed.propensity == failed.shares[failed.route] < 1
    assert (answered.decision_id, answered.outcome, answered.fallback) == ("run:step:1", "ok", True)


#: Where a process may be killed in its second try: after which stage, and what is known by then.
KILLS = {"quota": (1, 1), "hold": (1, 2), "announce": (2, 2), "invoke": (2, 2), "settle": (2, 2)}


@pytest.mark.parametrize("at", KILLS)
async def test_kill_in_the_second_try_settles_nothing_twice(calls: Calls, at: str) -> None:
    fail(calls, "local-gold")
    started, held = KILLS[at]

    async def dies(one: Call, proceed: Proceed) -> Answer:
        if one.trial.number == 0:
            return await proceed(one)
        if at in ("invoke", "settle"):
            await proceed(one)
        raise Killed

    stages = list(call_stages(calls.ports()))
    place = [type(stage).__module__.rpartition(".")[2] for stage in stages].index(at)
    stages.insert(place if at in ("invoke", "settle") else place + 1, dies)
    with pytest.raises(Killed):
        await compose(stages)(call(Ledger(), tier="bronze", wish=BEST))
    assert (len(calls.started), len(calls.holds.held)) == (started, held)
    # The ledger died with the process: what the log knows is presumed. The repeat has other ids and settles its own.
    presumed = sum(one.amount_nano for one in calls.started)
    assert calls.spent() == presumed
    again = Ledger()
    await compose(call_stages(calls.ports()))(call(again, tier="bronze", wish=BEST, call_id="run:step:1@9#2"))
    assert {one.call_id for one in again.costs} == {"run:step:1@9#2", "run:step:1@9#2~1"}
    assert calls.spent(again.costs) == presumed + again.cost_nano


async def test_slow_call_is_hedged_and_the_loser_is_settled(calls: Calls) -> None:
    pipeline = await prepared_to_hedge(calls)
    ledger = Ledger()
    answer = await pipeline(hedged(ledger))
    assert (answer.response.text, ledger.model) == ("of local-silver", "local-silver")
    by_id = {one.call_id: one for one in ledger.calls}
    lost, won = by_id["run:step:1@5#1"], by_id["run:step:1@5#1~1"]
    assert (lost.error_code, lost.outcome, won.outcome) == ("canceled", "unknown", "ok")
    assert lost.cost_nano == PRICES.estimate("local", "local-gold", 5, 100, calls.clock.now_ms())
    assert ledger.cost_nano == lost.cost_nano + won.cost_nano == calls.spent(ledger.costs)
    spans = [span.attributes.get("agentflow.try", {}) for span in ledger.spans]
    assert {trial.get("kind") for trial in spans} == {None, "hedge"}


async def test_hedge_that_loses_is_broken_off_and_settled(calls: Calls) -> None:
    pipeline = await prepared_to_hedge(calls)
    provider = calls.provider
    assert isinstance(provider, ByModel)
    provider.gates["local-silver"] = asyncio.Event()
    provider.began = lambda model: provider.gates["local-gold"].set() if model == "local-silver" else None
    ledger = Ledger()
    answer = await pipeline(hedged(ledger))
    assert answer.response.text == "of local-gold"
    assert sorted((one.model, one.outcome) for one in ledger.calls) == [
        ("local-gold", "ok"),
        ("local-silver", "unknown"),
    ]
    assert calls.spent(ledger.costs) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"wish": BEST},
        {"repeatable": False},
        {"cap_nano": PRICES.estimate("local", "local-gold", 5, 100) + 1},
    ],
)
async def test_call_is_not_hedged_by_policy_twice_or_over_its_cap(calls: Calls, changes: dict[str, Any]) -> None:
    pipeline = await prepared_to_hedge(calls)
    made = asyncio.ensure_future(pipeline(hedged(ledger := Ledger(), **changes)))
    await asyncio.sleep(0.05)
    provider = calls.provider
    assert isinstance(provider, ByModel)
    assert [request.model for request in provider.asked[EARNING:]] == ["local-gold"]
    provider.gates["local-gold"].set()
    await made
    assert len(ledger.calls) == 1


async def test_slow_call_that_fails_is_answered_by_its_hedge(calls: Calls) -> None:
    pipeline = await prepared_to_hedge(calls)
    fail(calls, "local-gold")
    provider = calls.provider
    assert isinstance(provider, ByModel)
    provider.gates["local-silver"] = asyncio.Event()

    def began(model: str) -> None:
        if model == "local-silver":
            provider.gates["local-gold"].set()
            asyncio.get_running_loop().call_later(0.01, provider.gates["local-silver"].set)

    provider.began = began
    ledger = Ledger()
    answer = await pipeline(hedged(ledger))
    assert answer.response.text == "of local-silver"
    assert len(ledger.calls) == 2


async def test_caller_that_is_gone_leaves_no_try_behind(calls: Calls) -> None:
    pipeline = await prepared_to_hedge(calls)
    provider = calls.provider
    assert isinstance(provider, ByModel)
    provider.gates["local-silver"], both = asyncio.Event(), asyncio.Event()
    provider.began = lambda model: both.set() if model == "local-silver" else None
    made = asyncio.ensure_future(pipeline(hedged(Ledger())))
    await both.wait()
    made.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("try ")] == []


async def prepared_to_hedge(calls: Calls) -> Proceed:
    """Return a pipeline whose calls have earned hedges and were answered at once; now the best model is slow."""
    # Holds are kept beside the race, and a clock that is set by hand would run on with each of their waits.
    calls.clock = WallClock()  # type: ignore[assignment]
    calls.aborts = Cancellations(calls.clock)
    pipeline = calls.make()
    for _ in range(EARNING):
        await pipeline(call(tier="bronze", wish=BEST))
    await measure(calls, "local-gold", 10.0, WINDOW)
    provider = calls.provider
    assert isinstance(provider, ByModel)
    provider.gates["local-gold"] = asyncio.Event()
    return pipeline


def hedged(ledger: Ledger, **changes: Any) -> Call:
    return call(ledger, **({"tier": "bronze", "wish": HEDGED} | changes))
