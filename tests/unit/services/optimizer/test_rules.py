"""Each rule on a week of calls: what it names, and what it leaves alone."""

from typing import Any

import pytest

from connectors.clickhouse.call_facts import CallFact
from connectors.prices.listed import Served
from schemas.errors import StepError
from schemas.prompts.form import PromptForm
from schemas.records.base import Usage
from schemas.spec.model import LlmNode, PinnedPrompt
from schemas.spec.policy import TIERS
from services.optimizer.facts import Group, Place, grouped
from services.optimizer.optimizer import suggest
from services.optimizer.suggestion import Suggestion
from services.routing.models import Model

HOUR_MS = 3_600_000
START_MS = 1_795_305_600_000
TTL_MS = HOUR_MS


class Prices:
    """Nano-dollars a token by model: ``night`` costs half before 6 o'clock UTC."""

    RATES = {"dear": 10, "same": 4, "weak": 2, "night": 10, "small": 1}

    def cost(self, provider: str, model: str, usage: Usage, at_ms: int | None = None, served: Served = ()) -> int:
        if model not in self.RATES:
            raise StepError("unpriced_model", f"no price for {model}")
        tokens = usage.input_tokens + usage.output_tokens
        hour = ((at_ms or 0) // HOUR_MS) % 24
        return self.RATES[model] * tokens // (2 if model == "night" and hour < 6 else 1)

    def estimate(self, provider: str, model: str, input_tokens: int, max_tokens: int, at_ms: int | None = None) -> int:
        return self.RATES[model] * (input_tokens + max_tokens)


def model(name: str, quality: float, **fields: Any) -> Model:
    given = {"context_tokens": 100_000, "latency_ms": 1} | fields
    return Model(provider="p", model=name, quality=quality, source="test", **given)


MODELS = [model("dear", 0.9), model("same", 0.89), model("weak", 0.5), model("unpriced", 0.95)]


def group(
    count: int = 200,
    *,
    asks: str = "dear",
    config: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    prompt: PinnedPrompt | None = None,
    **fields: Any,
) -> Group:
    """Calls of 100 tokens in and 100 out, one an hour, each another request."""
    form = {"id": "ask", "type": "llm", "policy": {"quality": "gold", "sla_ms": 1000} if policy is None else policy}
    node = LlmNode.model_validate(form | {"config": {"prompt_ref": "ask@1", "max_tokens": 150} | (config or {})})
    calls = [fact(n, asks, **fields) for n in range(count)]
    return Group(place=Place("wf", "ask", "p", asks), node=node, calls=tuple(calls), prompt=prompt)


def version(**form: Any) -> PinnedPrompt:
    """The version of the node's prompt, with what it says beside its text."""
    return PinnedPrompt(name="ask", version=1, template="x", hash="0", form=PromptForm.model_validate(form))


def fact(number: int, asks: str = "dear", **fields: Any) -> CallFact:
    usage, at_ms = fields.pop("usage", Usage(input_tokens=100, output_tokens=100)), START_MS + number * HOUR_MS
    given = {"request": number + 1, "cost_nano": Prices().cost("p", asks, usage, at_ms)} | fields
    return CallFact(
        at_ms=at_ms,
        run_id=f"r{number}",
        workflow="wf",
        version=1,
        node_id="ask",
        provider="p",
        model=asks,
        usage=usage,
        **given,
    )


def named(one: Group, models: list[Model] | None = None, ttl_ms: int = TTL_MS) -> dict[str, Suggestion]:
    return {found.kind: found for found in suggest([one], models or [], Prices(), dict.fromkeys(TIERS, ttl_ms // 1000))}


def test_a_lean_node_gets_no_suggestion() -> None:
    assert named(group(), MODELS[:1]) == {}


def test_repeated_requests_are_worth_a_cache_within_its_time() -> None:
    always_the_same = group(request=7)
    assert named(always_the_same) == {}, "each comes an hour after the one before, when its answer is gone"
    found = named(always_the_same, ttl_ms=2 * HOUR_MS)["cache"]
    assert found.saving.amount_nano == 100 * 2_000  # every second call is a hit
    assert 0 < found.saving.low_nano < found.saving.amount_nano < found.saving.high_nano
    assert (found.change, found.risk) == ({"cache": True}, "medium")


@pytest.mark.parametrize(("config", "asked"), [({"cache": True}, 7), ({}, 0)])
def test_no_cache_where_there_is_one_or_nothing_was_captured(config: dict[str, Any], asked: int) -> None:
    assert "cache" not in named(group(config=config, request=asked), ttl_ms=2 * HOUR_MS)


def test_a_switch_keeps_the_quality_and_a_downgrade_keeps_what_the_node_asks_for() -> None:
    gold = named(group(), MODELS)
    assert set(gold) == {"switch"}
    assert gold["switch"].change == {"provider": "p", "model": "same"}
    assert gold["switch"].saving.amount_nano == 200 * 200 * (10 - 4)
    bronze = named(group(policy={"quality": "bronze", "sla_ms": 1000}), MODELS)
    assert (bronze["downgrade"].change, bronze["downgrade"].risk) == ({"provider": "p", "model": "weak"}, "high")


@pytest.mark.parametrize(
    ("config", "lacks"),
    [
        ({"images": ["picture"], "inputs": {"picture": "x"}}, {"images": False}),
        ({"output_schema": {"type": "object"}}, {"json_schema": False}),
        ({}, {"context_tokens": 249}),
    ],
)
def test_a_model_that_cannot_take_the_calls_is_no_switch(config: dict[str, Any], lacks: dict[str, Any]) -> None:
    assert "switch" in named(group(config=config), [MODELS[0], model("same", 0.9)])
    assert "switch" not in named(group(config=config), [MODELS[0], model("same", 0.9, **lacks)])


@pytest.mark.parametrize(
    ("form", "lacks"),
    [
        ({"output_schema": {"type": "object"}}, {"json_schema": False}),
        ({"messages": [{"role": "user", "template": "x", "images": ["picture"]}]}, {"images": False}),
        ({"parameters": {"max_tokens": 60_000}}, {"context_tokens": 50_000}),
    ],
)
def test_a_model_that_cannot_take_what_the_prompts_version_gives_is_no_switch(
    form: dict[str, Any], lacks: dict[str, Any]
) -> None:
    one = group(config={"max_tokens": 1024}, prompt=version(**form))
    assert "switch" in named(one, [MODELS[0], model("same", 0.9)])
    assert "switch" not in named(one, [MODELS[0], model("same", 0.9, **lacks)])


def test_a_model_of_unknown_quality_is_compared_with_nothing() -> None:
    assert named(group(asks="small"), MODELS) == {}


def test_max_tokens_far_over_every_answer_frees_what_is_held() -> None:
    found = named(group(config={"max_tokens": 4_000}))["trim"]
    assert found.change == {"max_tokens": 192}  # 1.5 times 100, in steps of 64
    assert found.freed_nano == 10 * (4_000 - 192)
    assert "1.50%" in found.because


def test_max_tokens_of_the_prompts_version_are_lowered_by_a_value_that_the_node_can_say() -> None:
    given = version(parameters={"max_tokens": 4_000})
    found = named(group(config={"max_tokens": 1024}, prompt=given))["trim"]
    assert (found.change, found.freed_nano) == ({"max_tokens": 192}, 10 * (4_000 - 192))
    usage = Usage(input_tokens=100, output_tokens=680)  # 1.5 times is 1,020, so 1,024: the default, which says nothing
    assert named(group(config={"max_tokens": 4_000}, usage=usage))["trim"].change == {"max_tokens": 1024}
    assert named(group(config={"max_tokens": 1024}, usage=usage, prompt=given))["trim"].change == {"max_tokens": 1088}


def test_a_cache_is_safer_where_the_prompts_version_has_temperature_0() -> None:
    one = group(request=7, prompt=version(parameters={"temperature": 0}))
    assert named(one, ttl_ms=2 * HOUR_MS)["cache"].risk == "low"


def test_cheap_hours_are_named_where_nobody_waits() -> None:
    found = named(group(asks="night", policy={}))["schedule"]
    assert (found.change, found.evidence.facts["hours"]) == (None, [0, 1, 2, 3, 4, 5])
    assert "0 to 6 UTC" in found.because
    assert "schedule" not in named(group(asks="night", policy={"sla_ms": 1000}))


def test_fewer_than_a_hundred_calls_suggest_nothing() -> None:
    assert named(group(99, request=7), MODELS, ttl_ms=2 * HOUR_MS) == {}


def test_a_saving_that_may_be_none_is_not_named() -> None:
    """One dear repeat among a thousand calls: most draws do not have it."""
    calls = [fact(n) for n in range(200)] + [fact(n, request=1, cost_nano=10**7) for n in (200, 201)]
    one = Group(place=Place("wf", "ask", "p", "dear"), node=group().node, calls=tuple(calls))
    assert "cache" not in named(one, ttl_ms=2 * HOUR_MS)


def test_the_id_names_the_change_and_not_the_evidence() -> None:
    few, many = (named(group(n, request=7), ttl_ms=2 * HOUR_MS)["cache"] for n in (150, 300))
    assert few.id == many.id
    assert few.id != named(group(config={"max_tokens": 4_000}))["trim"].id


def test_calls_of_versions_in_which_the_node_differs_are_left_out() -> None:
    node = group().node
    facts = [fact(0), fact(1)]
    assert grouped(facts, {("wf", 2, "ask"): node}) == []
    (found,) = grouped(facts[::-1], {("wf", 1, "ask"): node})
    assert (found.calls, found.place, found.cost_nano) == (tuple(facts), Place("wf", "ask", "p", "dear"), 4_000)


def test_a_group_has_the_prompt_that_its_node_names() -> None:
    prompt = version(parameters={"max_tokens": 9})
    (found,) = grouped([fact(0)], {("wf", 1, "ask"): group(config={"max_tokens": 1024}).node}, {"ask@1": prompt})
    assert found.config.max_tokens == 9
