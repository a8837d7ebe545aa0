"""Calls by batch on the whole system: from a workflow to a provider's batch and back, and what they cost."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bench.batching.server import KEY, BatchServer, tokens_of
from deploy.local.system import System
from tests.support.batch_service import batch_service
from tests.support.client import RUNS, define_prompt, define_workflow, llm, run, submission, submit, wait_for_run
from tests.support.polling import until

DEADLINE_S = 90.0
OPENAI = {"provider": "openai", "model": "gpt-4o-mini", "max_tokens": 50}
ANTHROPIC = {"provider": "anthropic", "model": "claude-3-5-haiku-latest", "max_tokens": 50}
#: Nano-dollars of a token, input and output.
BY_BATCH, AT_ONCE = {"openai": (75, 300), "anthropic": (400, 2_000)}, {"openai": (150, 600)}
BATCHES = "/api/v1/batches"


@pytest.fixture(scope="module")
def server() -> Iterator[BatchServer]:
    with batch_service(lasts_ms=500) as started:
        yield started


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, server: BatchServer) -> Iterator[System]:
    env = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": server.url,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": server.url,
        "BATCH_GATHER_S": "0.5",
        "BATCH_POLL_S": "0.2",
    }
    with System(tmp_path_factory.mktemp("batches"), durable=False, env=env) as started:
        yield started


def batched(client: httpx.Client, text: str, mode: str, config: dict[str, Any]) -> dict[str, Any]:
    return llm("ask", define_prompt(client, text), {"batch": mode, "retries": {"max_attempts": 1}}, **config)


def cost(prompt: str, prices: tuple[int, int]) -> Decimal:
    read, written = tokens_of(prompt)
    return Decimal(read * prices[0] + written * prices[1]) / 10**9


def batches(client: httpx.Client) -> list[dict[str, Any]]:
    """The newest one comes first."""
    return list(client.get(BATCHES).json()["batches"])


@pytest.mark.parametrize("config", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
def test_a_step_waits_for_its_batch_and_pays_its_price(
    client: httpx.Client, server: BatchServer, config: dict[str, Any]
) -> None:
    text = f"a question for {config['provider']}"
    flow = define_workflow(client, batched(client, text, "only", config))
    ended = wait_for_run(client, submit(client, submission(flow)), DEADLINE_S, outputs=True)
    assert ended["status"] == "succeeded", ended
    step = ended["by_id"]["ask"]
    assert step["output"] == f"answer to {text}"
    assert (step["provider"], step["model"]) == (config["provider"], config["model"])
    assert (server.made[text], server.plain[text]) == (1, 0)
    price = cost(text, BY_BATCH[config["provider"]])
    assert Decimal(ended["cost_usd"]) == price
    shown = next(one for one in batches(client) if one["model"] == config["model"])
    assert (shown["state"], shown["requests"], shown["counts"]["answered"]) == ("ended", 1, 1)
    assert Decimal(shown["cost_usd"]) == price


def test_a_call_that_the_provider_does_not_make_is_made_at_once(client: httpx.Client, server: BatchServer) -> None:
    text = "a question that expires"
    server.unmade.add(text)
    ended = run(client, submission(define_workflow(client, batched(client, text, "auto", OPENAI))))
    assert ended["status"] == "succeeded", ended
    assert (server.made[text], server.plain[text]) == (0, 1)
    assert Decimal(ended["cost_usd"]) == cost(text, AT_ONCE["openai"])
    ended = run(client, submission(define_workflow(client, batched(client, text, "only", ANTHROPIC))))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "batch_expired")
    assert Decimal(ended["cost_usd"]) == 0


def test_a_refused_call_fails_its_step_and_costs_nothing(client: httpx.Client, server: BatchServer) -> None:
    text = "a question that is refused"
    server.refused.add(text)
    ended = run(client, submission(define_workflow(client, batched(client, text, "auto", ANTHROPIC))))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "provider_rejected")
    assert Decimal(ended["cost_usd"]) == 0


def test_a_canceled_run_cancels_its_batch(
    client: httpx.Client, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a question of a canceled run"
    known = {one["id"] for one in batches(client)}

    def state() -> str | None:
        return next((str(one["state"]) for one in batches(client) if one["id"] not in known), None)

    with monkeypatch.context() as patched:
        patched.setattr(server, "lasts_ms", 3_600_000)
        run_id = submit(client, submission(define_workflow(client, batched(client, text, "only", OPENAI))))
        until(lambda: state() == "submitted", DEADLINE_S, "the batch is sent")
        assert client.post(f"{RUNS}/{run_id}/cancel").status_code == 202
        until(lambda: state() == "canceling", DEADLINE_S, "the provider is asked to cancel it")
    until(lambda: state() == "ended", DEADLINE_S, "the batch ends")
    (ours,) = (one for one in batches(client) if one["id"] not in known)
    assert ours["counts"]["canceled"] == 1
    assert server.made[text] == 0
