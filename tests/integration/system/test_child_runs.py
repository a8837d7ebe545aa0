"""Workflows that run others, on the whole system: nested maps, failures, cancels, and a crash in the middle."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import child_run_id
from tests.support.checker import Checker
from tests.support.client import (
    RUNS,
    Json,
    define_prompt,
    define_workflow,
    get_run,
    llm,
    merger,
    run,
    submission,
    submit,
    unique,
    wait_for_run,
)
from tests.support.local_model import LocalModelServer
from tests.support.polling import until

DEADLINE_S = 60.0
#: Longer than a cancel takes on a machine that stalls.
CALL_MS = 20_000
ONCE = {"retries": {"max_attempts": 1}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModelServer]:
    with LocalModelServer(tmp_path_factory.mktemp("model")) as server:
        yield server


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model: LocalModelServer) -> Iterator[System]:
    env = {"LOCAL_PROVIDER_URL": model.url, "SESSION_TIMEOUT_MS": "3000", "CHECKPOINT_INTERVAL_MS": "500"}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


@pytest.fixture(scope="module")
def asking(client: httpx.Client) -> str:
    """A workflow of one call."""
    prompt = define_prompt(client, "Say something about {{text}}")
    return define_workflow(client, llm("ask", prompt, ONCE, model="local-echo"))


def runs(id_: str, workflow: str, policy: Json | None = None, **config: Any) -> Json:
    return {"id": id_, "type": "workflow", "config": {"workflow": workflow} | config, "policy": policy or {}}


def started_by(client: httpx.Client, run_id: str) -> list[Json]:
    found: list[Json] = (
        client.get(RUNS, params={"parent_run_id": run_id, "limit": 200}).raise_for_status().json()["runs"]
    )
    return found


def until_called(model: LocalModelServer, run_id: str) -> None:
    until(lambda: any(key.startswith(run_id) for key in model.calls()), DEADLINE_S, f"{run_id} asks the model")


def test_a_map_of_runs_that_map(client: httpx.Client) -> None:
    prompt = define_prompt(client, "Say something about {{item}}")
    inner = define_workflow(client, llm("ask", prompt, parallel=True, items="{{words}}", model="local-echo"))
    outer = define_workflow(
        client,
        runs("read", inner, inputs={"words": "{{item}}"}, parallel=True, items="{{lists}}", max_parallel=2),
        merger("all", inputs={"found": "read.output"}),
        edges="read>all",
    )
    ended = run(client, submission(outer, {"lists": [["one", "two"], ["three"], []]}, tags={"of": "map"}))
    assert ended["status"] == "succeeded", ended
    said = ended["output"]["all"]
    assert [[line.rsplit(" ", 1)[1] for line in lines] for lines in said] == [["one", "two"], ["three"], []]
    children = started_by(client, ended["id"])
    assert {child["id"] for child in children} == {child_run_id(ended["id"], f"read[{n}]", 1) for n in range(3)}
    assert all(child["tags"] == {"of": "map"} for child in children)
    step = ended["by_id"]["read[1]"]
    assert (step["type"], step["child_run_id"]) == ("workflow", child_run_id(ended["id"], "read[1]", 1))
    child = wait_for_run(client, step["child_run_id"])
    assert child["parent"] == {"run_id": ended["id"], "step_id": "read[1]", "detached": False}
    assert child["inputs"] == {"words": ["three"]}
    spent = sum(Decimal(child["cost_usd"]) for child in children)
    assert spent > 0
    assert (Decimal(ended["children_cost_usd"]), ended["cost_usd"]) == (spent, "0")


def test_a_run_that_fails_is_tried_again_as_another(client: httpx.Client, model: LocalModelServer, asking: str) -> None:
    # The attempts together take longer than the model fails, however long the machine stalls meanwhile.
    again = {"retries": {"max_attempts": 10, "initial_ms": 100, "jitter": 0}}
    outer = define_workflow(client, runs("ask", asking, again, inputs={"text": "x"}))
    with model.behaving(error_rate=1.0):
        found = submit(client, submission(outer))
        first = child_run_id(found, "ask", 1)
        until(lambda: (get_run(client, first) or {}).get("status") == "failed", DEADLINE_S, "the first one failed")
    ended = wait_for_run(client, found)
    assert ended["status"] == "succeeded", ended
    attempts = ended["by_id"]["ask"]["attempts"]
    assert 2 <= attempts <= 10
    assert ended["by_id"]["ask"]["child_run_id"] == child_run_id(found, "ask", attempts)
    states = {child["id"]: child["status"] for child in started_by(client, found)}
    wanted = {child_run_id(found, "ask", n): "failed" for n in range(1, attempts)}
    assert states == wanted | {child_run_id(found, "ask", attempts): "succeeded"}


def test_a_run_that_fails_for_good_fails_its_parent_and_says_where(client: httpx.Client) -> None:
    fetch = {"id": "get", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "not-there.txt"}}}
    inner = define_workflow(client, fetch | {"policy": ONCE})
    ended = run(client, submission(define_workflow(client, runs("x", inner))))
    child = child_run_id(ended["id"], "x", 1)
    assert (ended["status"], ended["error"]["code"], ended["error"]["step_id"]) == ("failed", "child_failed", "x")
    assert child in ended["error"]["message"]
    assert ended["error"]["details"]["child_run_id"] == child
    assert wait_for_run(client, child)["error"]["message"] in ended["error"]["message"]


def test_a_restart_keeps_what_runs_gave(client: httpx.Client) -> None:
    inner = define_workflow(client, merger("a", inputs={"got": "{{x}}"}))
    get = {"id": "get", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "{{key}}"}}}
    flow = define_workflow(client, runs("x", inner, inputs={"x": 1}), get | {"policy": ONCE}, edges="x>get")
    failed = run(client, submission(flow, {"key": "not-there.txt"}))
    assert failed["status"] == "failed"
    fork = {"inputs": {"key": "gettysburg.txt"}, "from": "get"}
    again = client.post(f"{RUNS}/{failed['id']}/fork", json=fork).raise_for_status().json()
    ended = wait_for_run(client, again["id"])
    assert (ended["status"], again["reused"]) == ("succeeded", ["x"])
    assert ended["by_id"]["x"]["reused_from"] == failed["id"]
    assert started_by(client, ended["id"]) == []
    child = child_run_id(failed["id"], "x", 1)
    alone = client.post(f"{RUNS}/{child}/fork", json={"inputs": {"x": 2}}).raise_for_status().json()
    ended = wait_for_run(client, alone["id"])
    assert (ended["status"], ended["output"], ended["parent"]) == ("succeeded", {"a": 2}, None)


def test_a_cancel_reaches_the_runs_of_runs(client: httpx.Client, model: LocalModelServer, asking: str) -> None:
    middle = define_workflow(client, runs("m", asking))
    free = define_workflow(client, {"id": "wait", "type": "signal", "config": {"name": "end"}})
    outer = define_workflow(client, runs("x", middle), runs("free", free, detach=True))
    with model.behaving(latency_ms=CALL_MS):
        found = submit(client, submission(outer, {"text": "a"}))
        child = child_run_id(found, "x", 1)
        grandchild = child_run_id(child, "m", 1)
        until_called(model, grandchild)
        detached = child_run_id(found, "free", 1)

        def waits_for() -> list[tuple[str, str]]:
            steps = client.get(f"{RUNS}/{found}/waiting").raise_for_status().json()["steps"]
            return [(step["waiting"]["kind"], step["waiting"]["on"]) for step in steps]

        until(lambda: ("child", child) in waits_for(), DEADLINE_S, "it waits for its child")
        until(lambda: get_run(client, detached), DEADLINE_S, "the detached run is in history")
        client.post(f"{RUNS}/{found}/cancel").raise_for_status()
        for one in (found, child, grandchild):
            assert wait_for_run(client, one)["status"] == "canceled"
        assert f"parent run {child}" in wait_for_run(client, grandchild)["error"]["message"]
    client.post(f"{RUNS}/{detached}/signals/end", json={}).raise_for_status()
    assert wait_for_run(client, detached)["status"] == "succeeded"


def test_nobody_waits_for_a_detached_run(client: httpx.Client, model: LocalModelServer, asking: str) -> None:
    outer = define_workflow(client, runs("x", asking, detach=True))
    with model.behaving(latency_ms=1_000):
        ended = run(client, submission(outer, {"text": "a"}))
        child = child_run_id(ended["id"], "x", 1)
        assert ended["output"] == {"x": {"run_id": child}}
    assert wait_for_run(client, child)["parent"]["detached"] is True


def test_what_cannot_be_run_is_refused(client: httpx.Client, asking: str) -> None:
    def refused(name: str, *nodes: Json) -> str:
        document = {"name": name, "version": 1, "dag": {"nodes": list(nodes)}}
        answer = client.post("/api/v1/workflows", json=document)
        assert answer.status_code == 422, answer.text
        return answer.text

    name = unique("flow")
    assert "there is no workflow 'nobody'" in refused(name, runs("x", "nobody"))
    assert f"'{name}' would run itself: {name} -> {name}" in refused(name, runs("x", name))
    assert "needs the input 'text'" in refused(name, runs("x", asking, inputs={"words": 1}))
    outer = define_workflow(client, runs("x", asking))
    answer = client.post(RUNS, json=submission(outer))
    assert (answer.status_code, "needs the input text" in answer.text) == (422, True)


def test_a_round_that_came_about_later_is_refused_when_a_run_is_submitted(client: httpx.Client) -> None:
    one, two = unique("flow"), unique("flow")

    def register(name: str, version: int, node: Json) -> int:
        document = {"name": name, "version": version, "dag": {"nodes": [node]}}
        return client.post("/api/v1/workflows", json=document).status_code

    assert register(two, 1, merger("a")) == 201
    assert register(one, 1, runs("x", two)) == 201
    assert register(two, 2, runs("y", one)) == 422
    assert register(two, 2, runs("y", one, version=1)) == 422


def test_runs_go_on_when_the_orchestrator_is_killed(
    system: System, client: httpx.Client, model: LocalModelServer, asking: str
) -> None:
    items = [f"text {n}" for n in range(8)]
    node = runs("x", asking, inputs={"text": "{{item}}"}, parallel=True, items=items, max_parallel=3)
    outer = define_workflow(client, node, merger("all", inputs={"found": "x.output"}), edges="x>all")
    with model.behaving(latency_ms=400):
        found = submit(client, submission(outer))
        for index in (0, 4):
            until_called(model, child_run_id(found, f"x[{index}]", 1))
            system.roles["streams"].kill()
            system.roles["streams"].start()
        ended = wait_for_run(client, found, 60)
    assert ended["status"] == "succeeded", ended
    assert [said.rsplit(" ", 1)[1] for said in ended["output"]["all"]] == [str(n) for n in range(8)]
    assert len(started_by(client, found)) == 8
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, {found}).settled(60))
    assert (report.problems, report.money_difference_nano) == ([], 0)
