"""Attempts with an arm of a rollout on a real Redis: which version is called, and when the run counts as exposed."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from connectors.providers.base import ModelRequest
from schemas.errors import StepError
from schemas.ids import span_id, trace_id
from schemas.records.rollouts.deployments import DeploymentDecided, RunAssigned, RunOutcome
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.spans import SpanLink
from schemas.records.steps import AgentTurn, CallRollout, LlmCall, StepRequest
from schemas.rollouts.plan import Plan
from services.prompts.rollouts.withdrawals import Withdrawals
from tests.support.worker import Bench, llm, until
from topics.catalogue import DEPLOYMENT_OUTCOMES

STABLE = structs.replace(llm(), prompt_name="greet", prompt_version=1, template="stable {{word}}")


def canary(**changes: Any) -> LlmCall:
    fields: dict[str, Any] = {"environment": "production", "deployment_id": "d1", "arm": "canary", "other": STABLE}
    rollout = CallRollout(**fields | changes)
    return structs.replace(STABLE, prompt_version=2, template="canary {{word}}", rollout=rollout)


def decided(bench: Bench, status: str, number: int = 2) -> DeploymentDecided:
    return DeploymentDecided(
        org_id=bench.org,
        prompt="greet",
        environment="production",
        deployment_id="d1",
        number=number,
        status=status,
        step=0,
        ratio=0.1,
        reason="brake",
        stable_version=1,
        canary_version=2,
        plan=Plan(),
        at_ms=1,
    )


async def work(bench: Bench, *requests: StepRequest) -> list[Any]:
    pump = bench.worker()
    await pump.start()
    for request in requests:
        await bench.ask(request)
        await bench.idle(pump)
    await pump.stop()
    return bench.results()


def said(bench: Bench) -> list[Any]:
    return bench.log.of(DEPLOYMENT_OUTCOMES)


def raising(error: StepError) -> Callable[[ModelRequest], str]:
    def reply(request: ModelRequest) -> str:
        raise error

    return reply


@pytest.mark.parametrize("agent", [False, True])
async def test_a_run_is_exposed_before_a_provider_is_asked(bench: Bench, agent: bool) -> None:
    at_call: list[int] = []

    def reply(request: ModelRequest) -> str:
        at_call.append(len(said(bench)))
        return f"answer to {request.prompt}"

    bench.provider.reply = reply
    call = canary(step=1, entity="e")
    request = bench.request(AgentTurn(call=call, tools=[]) if agent else call, args={"word": "x"})
    [result] = await work(bench, request)
    assert isinstance(result, StepSucceeded)
    assert result.output.value == "answer to canary x"  # type: ignore[union-attr]
    [one] = said(bench)
    assert isinstance(one, RunAssigned)
    assert (one.run_id, one.arm, one.step, one.entity, one.deployment_id) == (request.run_id, "canary", 1, "e", "d1")
    assert one.rollout == f"{bench.org}:greet:production"
    assert at_call == [1]


async def test_attempts_and_steps_of_a_run_are_one_exposure(bench: Bench) -> None:
    first = bench.request(canary(), args={"word": "x"})
    again = structs.replace(first, attempt=2)
    other = structs.replace(first, step_id="other")
    inside = structs.replace(first, run_id="child", work=canary(run_id=first.run_id))
    await work(bench, first, again, other, inside)
    assert [one.run_id for one in said(bench)] == [first.run_id]


@pytest.mark.parametrize("agent", [False, True])
async def test_a_withdrawn_canary_is_replaced_by_the_stable_version_and_exposes_nobody(
    bench: Bench, agent: bool
) -> None:
    bench.decided.apply(decided(bench, "rolled_back"))
    call = canary()
    request = bench.request(AgentTurn(call=call, tools=[]) if agent else call, args={"word": "x"})
    [result] = await work(bench, request)
    assert result.output.value == "answer to stable x"
    assert said(bench) == []
    [asked] = bench.provider.asked
    assert asked.idempotency_key == f"{request.idempotency_key}~stable", "the canary may have been asked before"
    attributes = [span.attributes for spans in bench.spans() for span in spans.spans]
    assert "greet@1" in [one.get("agentflow.prompt.ref") for one in attributes]


async def test_a_canary_that_was_promoted_is_called_and_no_longer_counted(bench: Bench) -> None:
    bench.decided.apply(decided(bench, "promoted"))
    [result] = await work(bench, bench.request(canary(), args={"word": "x"}))
    assert result.output.value == "answer to canary x"
    assert said(bench) == []


async def test_nothing_is_rendered_before_the_decisions_are_known(bench: Bench) -> None:
    bench.decided = Withdrawals()
    [result] = await work(bench, bench.request(canary(), args={"word": "x"}))
    assert isinstance(result, StepDeferred)
    assert bench.provider.asked == []
    assert said(bench) == []


async def test_a_failure_after_the_prompt_was_rendered_says_so(bench: Bench) -> None:
    bench.provider.reply = raising(StepError("broken", "it is", retryable=False))
    [result] = await work(bench, bench.request(canary(), args={"word": "x"}))
    assert isinstance(result, StepFailed)
    assert result.exposed
    assert len(said(bench)) == 1


async def test_a_prompt_that_cannot_be_rendered_is_an_exposure(bench: Bench) -> None:
    [result] = await work(bench, bench.request(canary(), args={}))
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.exposed, len(said(bench))) == ("missing_variable", True, 1)
    assert bench.provider.asked == []


async def test_an_earlier_answer_is_an_exposure(bench: Bench) -> None:
    call = structs.replace(canary(), cache=True)
    requests = [bench.request(call, args={"word": "x"}) for _ in range(2)]
    results = await work(bench, *requests)
    assert [one.cached for one in results] == [False, True]
    assert [one.run_id for one in said(bench)] == [one.run_id for one in requests]


async def test_calls_without_a_rollout_say_nothing(bench: Bench) -> None:
    bench.provider.reply = raising(StepError("broken", "it is", retryable=False))
    [result] = await work(bench, bench.request(llm(), args={"word": "x"}))
    assert not result.exposed
    assert said(bench) == []


CANARY = structs.replace(STABLE, prompt_version=2, template="canary {{word}}")


def shadowed(**changes: Any) -> LlmCall:
    """The stable version, with the canary as its shadow."""
    fields: dict[str, Any] = {"environment": "production", "deployment_id": "d1", "arm": "stable"}
    return structs.replace(STABLE, rollout=CallRollout(**fields | {"other": CANARY, "shadow": True} | changes))


async def outcomes_after(bench: Bench, *requests: StepRequest, count: int) -> dict[str, RunOutcome]:
    """Work on requests until so many outcomes are said; return them by arm."""
    pump = bench.worker()
    await pump.start()
    for request in requests:
        await bench.ask(request)
        await bench.idle(pump)
    await until(lambda: sum(isinstance(one, RunOutcome) for one in said(bench)) >= count)
    await pump.stop()
    return {one.arm: one for one in said(bench) if isinstance(one, RunOutcome)}


@pytest.mark.parametrize("agent", [False, True])
async def test_a_shadow_is_called_counted_and_paid_by_no_run_and_never_shown(bench: Bench, agent: bool) -> None:
    call = shadowed()
    work = AgentTurn(call=call, tools=[]) if agent else call
    caps = {"run_budget_nano": 10**9, "tags": {"team": "blue"}}
    request = bench.request(work, args={"word": "x"}, **caps)
    by_arm = await outcomes_after(bench, request, count=2)
    [result] = bench.results()
    assert result.output.value == "answer to stable x"
    assert sorted(one.prompt for one in bench.provider.asked) == ["canary x", "stable x"]
    assert {arm: (one.ok, one.cost_nano > 0) for arm, one in by_arm.items()} == {
        "stable": (True, True),
        "canary": (True, True),
    }
    assert result.cost_nano == by_arm["stable"].cost_nano
    costs = {one.tags.get("agentflow.shadow"): one for one in bench.costs()}
    assert costs["d1"].run_id == ""
    assert costs["d1"].tags["team"] == "blue"
    assert costs[None].run_id == request.run_id
    assert len({one.call_id for one in bench.calls()}) == 2
    kept = await bench.shadow_answers.find(bench.org, request.request_id)
    assert kept is not None
    assert kept.output.value == "answer to canary x"  # type: ignore[union-attr]


async def test_a_shadow_has_a_trace_of_its_own_so_that_the_money_of_its_runs_trace_is_the_runs(bench: Bench) -> None:
    request = bench.request(shadowed(), args={"word": "x"}, tags={"team": "blue"})
    await outcomes_after(bench, request, count=2)
    [result] = bench.results()
    of_run, of_shadow = sorted(bench.spans(), key=lambda record: record.trace_id != trace_id(request.run_id))
    assert sum(span.cost_nano for span in of_run.spans) == result.cost_nano
    [call] = of_shadow.spans
    assert call.cost_nano > 0
    assert call.parent_span_id is None
    assert of_shadow.trace_id != of_run.trace_id
    assert (of_shadow.run_id, of_shadow.workflow_name) == ("", "")
    assert of_shadow.tags == {"team": "blue", "agentflow.shadow": "d1"}
    attempt = span_id(request.run_id, request.step_id, request.attempt)
    assert call.links == [SpanLink(trace_id=of_run.trace_id, span_id=attempt, relation="shadow_of")]


async def test_a_shadow_that_fails_harms_nobody_but_its_arm(bench: Bench) -> None:
    def reply(request: ModelRequest) -> str:
        if "canary" in request.prompt:
            raise StepError("broken", "it is", retryable=False)
        return "fine"

    bench.provider.reply = reply
    request = bench.request(shadowed(), args={"word": "x"})
    by_arm = await outcomes_after(bench, request, count=2)
    [result] = bench.results()
    assert isinstance(result, StepSucceeded)
    assert (by_arm["stable"].ok, by_arm["canary"].ok) == (True, False)
    assert await bench.shadow_answers.find(bench.org, request.request_id) is None


async def test_a_shadow_whose_answer_no_record_can_carry_fails_and_is_paid(bench: Bench) -> None:
    bench.provider.reply = lambda request: "a\0b" if "canary" in request.prompt else "fine"
    request = bench.request(shadowed(), args={"word": "x"})
    by_arm = await outcomes_after(bench, request, count=2)
    assert (by_arm["stable"].ok, by_arm["canary"].ok) == (True, False)
    assert "d1" in {one.tags.get("agentflow.shadow") for one in bench.costs()}
    assert await bench.shadow_answers.find(bench.org, request.request_id) is None


async def test_a_shadow_is_called_for_the_first_attempt_alone_and_for_none_when_the_rollout_is_over(
    bench: Bench,
) -> None:
    first = bench.request(shadowed(), args={"word": "x"})
    await outcomes_after(bench, first, structs.replace(first, attempt=2), count=3)
    assert [one.prompt for one in bench.provider.asked].count("canary x") == 1
    bench.decided.apply(decided(bench, "stopped"))
    bench.provider.asked.clear()
    await work(bench, bench.request(shadowed(), args={"word": "y"}))
    assert [one.prompt for one in bench.provider.asked] == ["stable y"]
