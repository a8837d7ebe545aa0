"""Providers and models that nodes name."""

from typing import Any

import pytest

from connectors.prices.known import KnownModels
from connectors.providers.registry import DEFAULT_PROVIDER
from connectors.redis.worker_registry import Said, Seen, WorkerState
from schemas.prompts.form import PromptForm, PromptParameters
from schemas.spec.model import PinnedPrompt
from schemas.spec.policy import TIERS
from services.routing.router import LOCAL_ROUTES
from services.workflows.provider_checks import route_problems, route_warnings
from tests.support.runs import llm, spec

MODELS = KnownModels.load()


def worker(*providers: str, state: WorkerState = "live", says: bool = True) -> Seen:
    said = Said("w/1", "w", ("step-requests.gold",), 1, 0, "1", 0, providers=providers if says else None)
    return Seen(said, 0, state)


def problems(**config: Any) -> list[str]:
    return [str(problem) for problem in route_problems(spec(llm("a", **config)), MODELS)]


def warnings(*workers: Seen, **config: Any) -> list[str]:
    return [str(one) for one in route_warnings(spec(llm("a", **config)), MODELS, workers)]


def test_the_default_provider_is_that_of_the_routes() -> None:
    assert {LOCAL_ROUTES[tier].provider for tier in TIERS} == {DEFAULT_PROVIDER}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model": "gpt-4o"}, "for gpt-4o say `provider: openai`"),
        ({"model": "claude-3-5-sonnet-latest"}, "for claude-3-5-sonnet-latest say `provider: anthropic`"),
        ({"model": "grok-3"}, "is a model of 'x-ai', which workers do not have, and 'local' is"),
        ({"model": "gpt-4o", "provider": "openia"}, "there is no provider 'openia'; did you mean 'openai'?"),
        ({"provider": "openai"}, "the provider 'openai' is named without a model; add `model`"),
    ],
)
def test_a_route_that_leads_nowhere_is_a_problem(config: dict[str, Any], said: str) -> None:
    (problem,) = problems(**config)
    assert said in problem


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model": "local-gold"},
        {"provider": "openai", "model": "gpt-4o"},
        {"provider": "openai", "model": "mistral-large"},
        {"provider": "local"},
        {"model": "mine"},
    ],
)
def test_other_routes_are_none(config: dict[str, Any]) -> None:
    assert problems(**config) == []


def test_a_provider_that_a_worker_has_exists() -> None:
    asks = spec(llm("a", provider="house", model="m"))
    assert list(route_problems(asks, MODELS, [worker("house")])) == []
    assert len(list(route_problems(asks, MODELS, [worker("house", state="lost")]))) == 1


def test_a_model_without_a_price_is_a_warning() -> None:
    (said,) = warnings(model="local-glod")
    assert "calls fail with unpriced_model; did you mean 'local-gold'?" in said
    assert warnings(model="local-gold") == []
    (said,) = warnings(model="gpt-4o", provider="local")
    assert "for gpt-4o say `provider: openai`; or add its price" in said


def test_the_route_of_a_prompt_is_checked_as_that_of_its_node() -> None:
    form = PromptForm(parameters=PromptParameters(provider="openia", model="gpt-4o"))
    prompts = {"ask@1": PinnedPrompt(name="ask", version=1, template="Say", hash="0" * 64, form=form)}
    (said,) = route_problems(spec(llm("a", prompt_ref="ask@1")), MODELS, prompts=prompts)
    assert "there is no provider 'openia'; did you mean 'openai'?" in str(said)
    own = spec(llm("a", prompt_ref="ask@1", model="local-gold"))
    assert list(route_problems(own, MODELS, prompts=prompts)) == []


def test_a_provider_that_no_live_worker_has_is_a_warning() -> None:
    asks = {"provider": "openai", "model": "gpt-4o"}
    (said,) = warnings(worker("local"), worker("openai", state="lost"), **asks)
    assert said.startswith("dag.nodes[0].config.provider: no live worker has the provider 'openai'; give the workers")
    assert warnings(worker("local"), worker("local", "openai"), **asks) == []
    assert warnings(worker("local"), worker(says=False), **asks) == []
    assert warnings(**asks) == []
