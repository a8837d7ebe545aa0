"""A budget that was set too low, on the whole system: changed, and known to the worker within a second."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.client import define_prompt, llm, submission, submit, unique, wait_for_run

BUDGETS = "/api/v1/budgets"
#: The promise to users.
KNOWN_WITHIN_S = 1.0
KNOWN_AT_LAST_S = 60.0


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
        assert submitted < KNOWN_AT_LAST_S, f"no run {status} in {submitted:.1f} s"


def test_a_budget_that_was_set_too_low_is_raised(client: httpx.Client, flow: str) -> None:
    low = {"scope": "org", "period": "day", "limit_usd": "0.0001"}
    budget = client.post(BUDGETS, json=low).json()
    seconds_until(client, flow, "failed")
    run = outcome(client, flow)
    assert run["error"]["code"] == "budget_exceeded"
    known_in_time(lambda: times_known(client, flow, budget["id"]))
    assert client.delete(f"{BUDGETS}/{budget['id']}").status_code == 204
    seconds_until(client, flow, "succeeded")


def known_in_time(measure: Callable[[], list[float]]) -> None:
    """Assert that each change was known in time, at the best of up to three measurements.

    A machine that stalls for a second is no fault; one that does so at the same change three times is not likely.
    """
    times = [measure()]
    while max(map(min, zip(*times, strict=True))) >= KNOWN_WITHIN_S and len(times) < 3:
        times.append(measure())
    assert max(map(min, zip(*times, strict=True))) < KNOWN_WITHIN_S, times


def times_known(client: httpx.Client, flow: str, budget_id: str) -> list[float]:
    """Change a budget that is exhausted, and return the seconds until each change was known."""
    changes: list[tuple[dict[str, Any], str]] = [
        ({"limit_usd": "100"}, "succeeded"),
        ({"limit_usd": "0"}, "failed"),
        ({"paused": True}, "succeeded"),
        ({"paused": False}, "failed"),
    ]
    found = []
    for change, status in changes:
        assert client.patch(f"{BUDGETS}/{budget_id}", json=change).status_code == 200
        found.append(seconds_until(client, flow, status))
    return found


def test_a_budget_that_is_created_again_counts_from_the_ledger(client: httpx.Client, flow: str) -> None:
    assert outcome(client, flow)["status"] == "succeeded"
    fields = {"scope": "workflow", "target": flow, "period": "day", "limit_usd": "100"}
    first = client.post(BUDGETS, json=fields).json()
    spent = client.get(f"{BUDGETS}/{first['id']}/status").json()["spent_usd"]
    assert spent != "0"
    assert client.delete(f"{BUDGETS}/{first['id']}").status_code == 204
    again = client.post(BUDGETS, json=fields).json()
    assert client.get(f"{BUDGETS}/{again['id']}/status").json()["spent_usd"] == spent


def spent_of(client: httpx.Client, budget_id: str) -> dict[str, Any]:
    """Wait until something is spent of a budget and its past is counted; return its status."""
    began = time.monotonic()
    while True:
        status: dict[str, Any] = client.get(f"{BUDGETS}/{budget_id}/status").json()
        if status["spent_usd"] != "0" and status["counted_since"] is not None:
            return status
        assert time.monotonic() - began < KNOWN_AT_LAST_S, status
        time.sleep(0.1)


def test_a_budget_of_a_user_counts_its_past_and_refuses(client: httpx.Client, flow: str) -> None:
    user = unique("user")
    body = {"scope": "user", "target": user, "period": "hour", "timezone": "Asia/Kathmandu", "limit_usd": "1"}
    before = client.post("/api/v1/workflows/runs", json=submission(flow) | {"end_user": user, "project": "x"})
    assert wait_for_run(client, before.json()["id"])["status"] == "succeeded"
    budget = client.post(BUDGETS, json=body | {"thresholds": [1]}).json()
    status = spent_of(client, budget["id"])
    assert status["counted_since"] < budget["created_at"], "what was spent before came from the ledger"
    assert client.patch(f"{BUDGETS}/{budget['id']}", json={"limit_usd": status["spent_usd"]}).status_code == 200
    of_user = submission(flow) | {"end_user": user}
    began = time.monotonic()
    while (run := wait_for_run(client, submit(client, of_user)))["status"] != "failed":
        assert time.monotonic() - began < KNOWN_AT_LAST_S, "the lower limit is not known"
    assert run["error"]["code"] == "budget_exceeded"
    assert outcome(client, flow)["status"] == "succeeded", "of nobody"
    assert run["tags"]["agentflow.user"] == user
    assert "agentflow.api_key" not in run["tags"]
    forecast = client.get(f"{BUDGETS}/{budget['id']}/forecast").json()
    spent = client.get(f"{BUDGETS}/{budget['id']}/status").json()["spent_usd"]
    assert (forecast["spent_usd"], forecast["interval_percent"]) == (spent, 80)


def test_an_emergency_stop_is_known_within_a_second_and_so_is_its_end(client: httpx.Client, flow: str) -> None:
    def stopped_and_ended() -> list[float]:
        stop = client.post("/api/v1/stops", json={"scope": "workflow", "target": flow, "reason": "it loops"}).json()
        stopped_s = seconds_until(client, flow, "failed")
        error = outcome(client, flow)["error"]
        assert (error["code"], "it loops" in error["message"]) == ("calls_stopped", True)
        assert client.delete(f"/api/v1/stops/{stop['id']}").status_code == 200
        return [stopped_s, seconds_until(client, flow, "succeeded")]

    known_in_time(stopped_and_ended)


def test_a_price_list_is_known_to_workers_and_bills_are_what_runs_cost(client: httpx.Client, flow: str) -> None:
    before = outcome(client, flow)
    entry = {"provider": "local", "input_usd_per_mtok": "300", "output_usd_per_mtok": "700"}
    prices = [entry | {"model": f"local-{tier}"} for tier in ("gold", "silver", "bronze")]
    made = client.post("/api/v1/prices/overrides", json={"prices": prices})
    assert made.status_code == 201, made.text
    project, runs = unique("project"), []
    began = time.monotonic()
    while not runs or cost_nano(runs[-1]) < 50 * cost_nano(before):
        assert time.monotonic() - began < KNOWN_AT_LAST_S, runs[-1]
        submitted = client.post("/api/v1/workflows/runs", json=submission(flow) | {"project": project})
        runs.append(wait_for_run(client, submitted.json()["id"]))
    tokens = runs[-1]["tokens"]
    assert cost_nano(runs[-1]) == tokens["input"] * 300_000 + tokens["output"] * 700_000
    assert client.post("/api/v1/prices/overrides", json={}).status_code == 201
    assert billed_nano(client, project, len(runs)) == sum(map(cost_nano, runs))


def cost_nano(run: dict[str, Any]) -> int:
    return int(Decimal(run["cost_usd"]) * 10**9)


def billed_nano(client: httpx.Client, project: str, calls: int) -> int:
    """Return what a project is billed, once analytics has written so many calls of it."""
    began = time.monotonic()
    while True:
        bill = client.get("/api/v1/bills", params={"from": "1h", "group_by": "project,workflow"}).json()
        of_project = [group for group in bill["groups"] if group["values"]["project"] == project]
        if sum(group["calls"] for group in of_project) == calls:
            return sum(int(Decimal(group["amount_usd"]) * 10**9) for group in of_project)
        assert time.monotonic() - began < KNOWN_AT_LAST_S, bill
        time.sleep(0.1)
