"""A budget that was set too low, on the whole system: changed, and known to the worker within a second."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import define_prompt, llm, submission, submit, unique, wait_for_run

BUDGETS = "/api/v1/budgets"
#: The promise to users.
KNOWN_WITHIN_S = 1.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), durable=False) as started:
        yield started


@pytest.fixture
def flow(client: httpx.Client) -> str:
    """A workflow of one paid call."""
    name = unique("paid")
    dag = {"nodes": [llm("ask", define_prompt(client, "Say something"))]}
    answer = client.post("/api/v1/workflows", json={"name": name, "version": 1, "dag": dag})
    assert answer.status_code == 201, answer.text
    return name


def outcome(client: httpx.Client, flow: str) -> dict[str, Any]:
    """Submit a run and return it when it has ended."""
    return wait_for_run(client, submit(client, submission(flow)))


def seconds_until(client: httpx.Client, flow: str, status: str) -> float:
    """Submit runs until one begins that ends so; return the time from now to its submission."""
    began = time.monotonic()
    while True:
        submitted = time.monotonic() - began
        if outcome(client, flow)["status"] == status:
            return submitted
        assert submitted < 5 * KNOWN_WITHIN_S, f"no run {status} in {submitted:.1f} s"


def test_a_budget_that_was_set_too_low_is_raised(client: httpx.Client, flow: str) -> None:
    low = {"scope": "org", "period": "day", "limit_usd": "0.0001"}
    budget = client.post(BUDGETS, json=low).json()
    seconds_until(client, flow, "failed")
    run = outcome(client, flow)
    assert run["error"]["code"] == "budget_exceeded"
    assert client.patch(f"{BUDGETS}/{budget['id']}", json={"limit_usd": "100"}).status_code == 200
    assert seconds_until(client, flow, "succeeded") < KNOWN_WITHIN_S
    assert client.patch(f"{BUDGETS}/{budget['id']}", json={"limit_usd": "0"}).status_code == 200
    assert seconds_until(client, flow, "failed") < KNOWN_WITHIN_S
    assert client.patch(f"{BUDGETS}/{budget['id']}", json={"paused": True}).status_code == 200
    assert seconds_until(client, flow, "succeeded") < KNOWN_WITHIN_S
    assert client.patch(f"{BUDGETS}/{budget['id']}", json={"paused": False}).status_code == 200
    assert seconds_until(client, flow, "failed") < KNOWN_WITHIN_S
    assert client.delete(f"{BUDGETS}/{budget['id']}").status_code == 204
    assert seconds_until(client, flow, "succeeded") < KNOWN_WITHIN_S


def test_a_budget_that_is_created_again_counts_from_the_ledger(client: httpx.Client, flow: str) -> None:
    assert outcome(client, flow)["status"] == "succeeded"
    fields = {"scope": "workflow", "target": flow, "period": "day", "limit_usd": "100"}
    first = client.post(BUDGETS, json=fields).json()
    spent = client.get(f"{BUDGETS}/{first['id']}/status").json()["spent_usd"]
    assert spent != "0"
    assert client.delete(f"{BUDGETS}/{first['id']}").status_code == 204
    again = client.post(BUDGETS, json=fields).json()
    assert client.get(f"{BUDGETS}/{again['id']}/status").json()["spent_usd"] == spent
