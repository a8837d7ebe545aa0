"""A call with a policy is routed by it, and a choice to learn from is booked with its outcome."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from schemas.errors import StepError
from schemas.records.steps import RouteWish
from schemas.tables.routes import NOTHING, Learned
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.calls.route_choice import wanted_of
from services.routing.choice import Choice, recomputed
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from services.routing.router import Ended, Pin
from tests.support.calls import PRICES, Calls, call, for_all

LEARN = RouteWish(by="learn", models=["local/*"], ceiling_nano=77)


class Nothing:
    async def learned(self, group: str) -> Learned:
        return NOTHING


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    made = Calls(tmp_path)
    made.router = PolicyRouter(Models.load(), ["local"], for_all(PRICES), Nothing())  # type: ignore[assignment]
    return made


async def make(calls: Calls, **changes: Any) -> Ledger:
    ledger = Ledger()
    await compose(call_stages(calls.ports()))(call(ledger, **changes))
    return ledger


async def test_outcome_of_a_learned_choice_is_booked_with_its_propensity(calls: Calls) -> None:
    ledger = await make(calls, wish=LEARN, sla_ms=5000)
    [made], [outcome] = ledger.calls, ledger.routes
    assert outcome.route == made.route
    assert (outcome.group, outcome.decision_id, outcome.call_id) == ("acme:ask:silver", "run:step:1", made.call_id)
    assert (outcome.outcome, outcome.cost_nano, outcome.sla_ms) == ("ok", made.cost_nano, 5000)
    assert (outcome.ceiling_nano, outcome.propensity) == (77, outcome.shares[outcome.route])
    assert outcome.estimate_nano >= outcome.cost_nano > 0
    assert sum(outcome.shares.values()) == pytest.approx(1)


async def test_span_has_the_choice_and_it_recomputes(calls: Calls) -> None:
    ledger = await make(calls, wish=LEARN)
    choice = convert(ledger.spans[0].attributes["agentflow.route"], Choice)
    assert recomputed(choice) == choice.route == ledger.calls[0].route
    assert {one.reason for one in choice.excluded} >= {"node", "tier"}


@pytest.mark.parametrize("by", ["cheapest", "fastest", "best", "balanced"])
async def test_other_policies_choose_and_record_no_outcome(calls: Calls, by: Any) -> None:
    ledger = await make(calls, wish=RouteWish(by=by))
    assert ledger.routes == []
    assert "agentflow.route" in ledger.spans[0].attributes


@pytest.mark.parametrize("changes", [{}, {"wish": LEARN, "pinned": Pin(model="local-gold")}])
async def test_pinned_and_plain_calls_are_never_routed(calls: Calls, changes: dict[str, Any]) -> None:
    ledger = await make(calls, **changes)
    assert (ledger.model, ledger.routes) == ("local-gold" if changes else "local-silver", [])
    assert "agentflow.route" not in ledger.spans[0].attributes


@pytest.mark.parametrize(
    ("code", "counts"),
    [("provider_error", True), ("provider_unavailable", True), ("rate_limited", False), ("provider_rejected", False)],
)
async def test_only_faults_of_the_route_count_against_it(calls: Calls, code: str, counts: bool) -> None:
    calls.provider.fail = StepError(code, "no")
    ledger = Ledger()
    with pytest.raises(StepError, match="no"):
        await compose(call_stages(calls.ports()))(call(ledger, wish=LEARN))
    assert [one.score for one in ledger.routes] == ([0.0] if counts else [])


async def test_cached_answer_teaches_nothing(calls: Calls) -> None:
    first = await make(calls, wish=LEARN, cache=True)
    second = await make(calls, wish=LEARN, cache=True)
    assert (len(first.routes), second.cached, second.routes) == (1, True, [])


def test_what_is_wanted_names_the_abilities_that_the_call_needs() -> None:
    wanted = wanted_of(call(wish=RouteWish(by="best", models=["a/*"]), sla_ms=9, max_tokens=1000))
    assert wanted is not None
    assert (wanted.need.tier, wanted.need.sla_ms, wanted.need.node) == ("silver", 9, ("a/*",))
    assert 1000 < wanted.need.tokens < 1100
    assert (wanted.need.tools, wanted.need.images, wanted.need.json_schema) == (False, False, False)


@pytest.mark.parametrize(
    ("code", "reported"), [("", [False]), ("timeout", [True]), ("rate_limited", []), ("provider_rejected", [])]
)
async def test_router_hears_of_faults_and_answers_of_chosen_routes(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, code: str, reported: list[bool]
) -> None:
    heard: list[bool] = []

    async def report(ended: Ended) -> None:
        heard.append(ended.failed)

    monkeypatch.setattr(calls.router, "report", report)
    calls.provider.fail = StepError(code, "no") if code else None
    for wish in (None, RouteWish(by="best")):
        with contextlib.suppress(StepError):
            await make(calls, wish=wish)
    assert heard == reported
