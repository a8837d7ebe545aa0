"""Flow control and updates on a whole system, while admission, orchestrator and Redis are lost: seen from the log."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.prove.doors.flow_control import LAYOUT, LIMIT, RUNS, define, play, submit
from deploy.local.system import System
from tests.support.crashes import CHECKPOINT_MS, SESSION_MS
from tests.support.polling import until

END_S = 60
PAUSE = {"id": "pause", "type": "wait", "config": {"duration_ms": 300}}
TALK = [
    {
        "id": "ask",
        "type": "signal",
        "config": {
            "name": "ask",
            "answer": "reply.output",
            "input_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        },
    },
    {"id": "reply", "type": "function", "config": {"function_name": "result_merger", "inputs": {"got": "ask.output"}}},
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"SESSION_TIMEOUT_MS": str(SESSION_MS), "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS)}
    with System(tmp_path_factory.mktemp("flow"), durable=False, layout=LAYOUT, env=env) as system:
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as client:
        yield client


def run_of(client: httpx.Client, run: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{RUNS}/{run}").json()
    return found


def status(client: httpx.Client, run: str) -> tuple[str, str | None]:
    found = run_of(client, run)
    return found.get("status", ""), (found.get("error") or {}).get("code")


@pytest.mark.timeout(240)
def test_keys_hold_whatever_is_lost(system: System, client: httpx.Client) -> None:
    found = play(system, client, 12)
    assert (found.over, found.lost, found.out_of_order) == (0, 0, 0)
    assert set(found.most.values()) == {LIMIT}


@pytest.mark.timeout(120)
def test_waiting_runs_say_why_and_ended_ones_for_which(client: httpx.Client) -> None:
    name = define(client, [PAUSE], flow={"debounce": {"key": "inputs.k", "period_ms": 1_500}})
    first, last = submit(client, name, {"k": 1}), submit(client, name, {"k": 1})

    def why(run: str) -> dict[str, Any]:
        return client.get(f"{RUNS}/{run}/waiting").json().get("waiting") or {}

    until(lambda: why(last).get("kind") == "debounce", END_S, "it says why it waits")
    until(lambda: status(client, first) == ("canceled", "debounced"), END_S, "the first ends")
    assert run_of(client, first)["error"]["details"] == {"by_run": last}
    until(lambda: status(client, last)[0] == "succeeded", END_S, "the last is made")
    one = define(client, [PAUSE], flow={"concurrency": [{"key": "inputs.k", "limit": 1, "on_excess": "reject"}]})
    runs = [submit(client, one, {"k": 1}) for _ in range(2)]
    until(lambda: status(client, runs[1]) == ("canceled", "concurrency_exceeded"), END_S, "one is refused")
    until(lambda: status(client, runs[0])[0] == "succeeded", END_S, "the other one is made")
    refused = client.post(RUNS, json={"workflow_name": one, "inputs": {}})
    assert refused.status_code == 422
    assert refused.json()["problems"][0]["path"] == "flow.concurrency[0].key"


@pytest.mark.timeout(120)
def test_an_update_gets_its_answer_once_and_again(client: httpx.Client) -> None:
    run = submit(client, define(client, TALK), {})
    path, key = f"{RUNS}/{run}/updates/ask", {"Idempotency-Key": "one"}
    wrong = client.post(path, json={"n": "x"})
    assert (wrong.status_code, wrong.json()["problems"][0]["path"]) == (422, "data.n")
    first = client.post(path, json={"n": 7}, headers=key, params={"timeout_ms": 20_000})
    assert first.status_code == 200, first.text
    assert first.json()["state"] == "answered"
    assert first.json()["output"] == {"n": 7}
    again = client.post(path, json={"n": 7}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert client.get(f"{path}/{first.json()['update_id']}").json() == first.json()
    until(lambda: status(client, run)[0] == "succeeded", END_S, "the run ends")
    assert client.post(path, json={"n": 7}, headers=key).json() == first.json(), "also after the end"
    assert client.post(path, json={"n": 8}).status_code == 409
    assert client.get(f"{path}/{'0' * 32}").status_code == 404
    assert client.post(f"{RUNS}/{run}x/updates/ask", json={"n": 1}).status_code == 404


@pytest.mark.timeout(120)
def test_an_update_without_an_answer_in_time_is_pending_and_one_of_a_canceled_run_fails(client: httpx.Client) -> None:
    run = submit(client, define(client, [PAUSE | {"config": {"duration_ms": 600_000}}, *TALK]), {})
    path = f"{RUNS}/{run}/updates/ask"
    found = client.post(path, json={"n": 1}, params={"timeout_ms": 200})
    assert (found.status_code, found.json()["state"]) == (202, "pending")
    poll = f"{path}/{found.json()['update_id']}"
    until(lambda: client.get(poll).status_code == 200, END_S, "it is known")
    assert client.post(f"{RUNS}/{run}/cancel", json={}).status_code == 202
    until(lambda: client.get(poll).json()["state"] == "failed", END_S, "it fails with its run")
    assert client.get(poll).json()["error"]["code"] == "no_answer"
    plain = submit(client, define(client, [TALK[0] | {"config": {"name": "go"}}]), {})
    refused = client.post(f"{RUNS}/{plain}/updates/go", json={"n": 1})
    assert (refused.status_code, "has an `answer`" in refused.text) == (422, True)
