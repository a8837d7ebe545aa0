"""The provider ``local`` in this process: behaviour on request, decided by key and seed."""

import asyncio
import time
from dataclasses import replace

import pytest

from connectors.providers.base import ModelRequest
from connectors.providers.local.behaviour import LocalBehaviour, RateGate
from connectors.providers.local.provider import LocalProvider
from schemas.errors import StepError

REQUEST = ModelRequest(model="local-echo", prompt="Analyze this document: one two", max_tokens=20, idempotency_key="k")


def keys(count: int) -> list[str]:
    return [f"run/step/{n}" for n in range(count)]


async def failure(provider: LocalProvider, request: ModelRequest) -> StepError:
    with pytest.raises(StepError) as caught:
        await provider.complete(request)
    return caught.value


async def test_an_answer_has_text_usage_and_the_exact_bodies() -> None:
    provider = LocalProvider()
    answer = await provider.complete(REQUEST)
    assert answer.text == "Analyze this document: one two"
    assert answer.usage.input_tokens == provider.count_tokens("local-echo", REQUEST.prompt) == 6
    assert answer.sent["messages"] == [{"role": "user", "content": REQUEST.prompt}]
    assert answer.received["choices"][0]["message"]["content"] == answer.text
    assert answer == await provider.complete(REQUEST)
    await provider.close()


async def test_the_work_leaves_the_event_loop_free() -> None:
    provider = LocalProvider()
    text = "The prism refracts the light of the sun into colours, number %d of many. " * 300
    await provider.complete(replace(REQUEST, model="local-gold", prompt="Analyze: warm the libraries up."))
    work = asyncio.ensure_future(provider.complete(replace(REQUEST, model="local-gold", prompt=text)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 1
    assert (await work).finish_reason == "stop"
    await provider.close()


def test_faults_come_in_the_share_asked_for_and_depend_on_key_and_seed_only() -> None:
    behaviour = LocalBehaviour(error_rate=0.2, timeout_rate=0.1, garbage_rate=0.1, seed=7)
    fates = [behaviour.fault(key) for key in keys(2000)]
    assert 0.17 < fates.count("error") / 2000 < 0.23
    assert 0.08 < fates.count("timeout") / 2000 < 0.12
    assert 0.08 < fates.count("garbage") / 2000 < 0.12
    assert fates == [behaviour.fault(key) for key in keys(2000)]
    assert fates != [replace(behaviour, seed=8).fault(key) for key in keys(2000)]


def test_jitter_is_part_of_the_delay_and_repeatable() -> None:
    behaviour = LocalBehaviour(latency_ms=10, jitter_ms=20)
    delays = [behaviour.delay_s(key) for key in keys(500)]
    assert all(0.010 <= delay < 0.030 for delay in delays)
    assert max(delays) - min(delays) > 0.015
    assert delays == [behaviour.delay_s(key) for key in keys(500)]


async def test_each_fault_has_its_code() -> None:
    provider = LocalProvider(LocalBehaviour(error_rate=1.0))
    error = await failure(provider, REQUEST)
    assert (error.code, error.retryable) == ("provider_unavailable", True)
    provider.behaviour = LocalBehaviour(garbage_rate=1.0)
    error = await failure(provider, REQUEST)
    assert (error.code, error.retryable) == ("provider_error", True)
    provider.behaviour = LocalBehaviour(timeout_rate=1.0)
    started = time.monotonic()
    error = await failure(provider, replace(REQUEST, timeout_s=0.05))
    assert (error.code, error.retryable) == ("provider_timeout", True)
    assert 0.04 < time.monotonic() - started < 5
    await provider.close()


async def test_a_latency_over_the_timeout_is_a_timeout() -> None:
    provider = LocalProvider(LocalBehaviour(latency_ms=60_000))
    assert (await failure(provider, replace(REQUEST, timeout_s=0.05))).code == "provider_timeout"
    await provider.close()


async def test_over_the_rate_it_says_when_to_come_again() -> None:
    provider = LocalProvider(LocalBehaviour(rate_limit_per_s=2))
    await provider.complete(REQUEST)
    await provider.complete(REQUEST)
    error = await failure(provider, REQUEST)
    assert (error.code, error.retryable) == ("rate_limited", True)
    assert error.retry_after_ms is not None
    assert 0 < error.retry_after_ms <= 501
    await provider.close()


def test_the_rate_gate_refills_with_time() -> None:
    now = 100.0
    gate = RateGate(lambda: now)
    assert [gate.wait_ms(4.0) for _ in range(5)] == [0, 0, 0, 0, 251]
    now += 0.25
    assert gate.wait_ms(4.0) == 0
    now += 60
    assert [gate.wait_ms(4.0) for _ in range(5)] == [0, 0, 0, 0, 251]
    assert gate.wait_ms(0) == 0


def test_slow_rates_let_one_call_in() -> None:
    gate = RateGate(lambda: 5.0)
    assert [gate.wait_ms(0.5), gate.wait_ms(0.5)] == [0, 2001]


async def test_echo_answers_every_known_model_and_no_other() -> None:
    provider = LocalProvider(LocalBehaviour(echo=True))
    gold = await provider.complete(replace(REQUEST, model="local-gold"))
    assert gold.text == "Analyze this document: one two"
    assert (await failure(provider, replace(REQUEST, model="gpt-9"))).code == "provider_rejected"
    await provider.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency": 5}, "no behaviour 'latency'; there are latency_ms"),
        ({"error_rate": 1.5}, "error_rate is 1.5"),
        ({"latency_ms": -1}, "latency_ms is -1"),
        ({"latency_ms": "5"}, "must be of type int"),
        ({"echo": 1}, "must be of type bool"),
        ({"seed": True}, "must be of type int"),
        ({"rate_limit_per_s": float("nan")}, "rate_limit_per_s is nan"),
    ],
)
def test_a_wrong_behaviour_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocalBehaviour().changed(changes)


def test_a_change_keeps_the_rest() -> None:
    changed = LocalBehaviour(seed=3).changed({"error_rate": 1, "echo": True})
    assert changed == LocalBehaviour(seed=3, error_rate=1.0, echo=True)
