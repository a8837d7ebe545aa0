"""A rollout through the whole system: arms of runs, what reaches the fold, a rollback and a promotion."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from schemas.records.rollouts.deployments import RunAssigned, RunOutcome, RunScored
from tests.support.client import (
    RUNS,
    define_workflow,
    llm,
    submission,
    submit,
    unique,
    wait_for_run,
)
from tests.support.polling import until
from tests.support.topics import read_decoded
from topics.catalogue import DEPLOYMENT_OUTCOMES

END_S = 90.0
#: Nothing but people decides.
PATIENT = {"steps": [0.5], "least_runs": 10_000, "metrics": ["errors", "cost", "latency"], "outcome_ms": 3_600_000}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("rollouts"), durable=False) as system:
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as client:
        yield client


def prompt_of(client: httpx.Client) -> str:
    """Store a prompt with two versions, the first one in production."""
    name = unique("greet")
    for text in ("stable {{word}}", "canary {{word}}"):
        client.post("/api/v1/prompts", json={"name": name, "template": text}).raise_for_status()
    client.put(f"/api/v1/prompts/{name}/labels/production", json={"version": 1}).raise_for_status()
    return name


def deploy(client: httpx.Client, name: str, **fields: Any) -> dict[str, Any]:
    body = {"version": 2, "environment": "production", **PATIENT, **fields}
    answer = client.post(f"/api/v1/prompts/{name}/deployments", json=body)
    assert answer.status_code == 201, answer.text
    started: dict[str, Any] = answer.json()
    until(lambda: deployment(client, started["id"])["statistics"] is not None or None, END_S, "the fold knows of it")
    return started


def deployment(client: httpx.Client, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/deployments/{id_}").raise_for_status().json()
    return found


def arms(run: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["arm"], one["version"]) for one in run.get("rollouts", [])]


def label(client: httpx.Client, name: str) -> dict[str, Any]:
    page = client.get(f"/api/v1/prompts/{name}/labels").raise_for_status().json()
    return {"labels": {one["label"]: one["version"] for one in page["labels"]}, "moves": page["moves"]}


def armed(client: httpx.Client, flow: str) -> None:
    """Wait until new runs have part in the rollout."""
    until(
        lambda: wait_for_run(client, submit(client, submission(flow, {"word": "x"}))).get("rollouts") or None,
        END_S,
        "runs have arms",
    )


def records(system: System, name: str) -> tuple[Counter[str], Counter[str]]:
    """Return how many exposures and outcomes each run of a prompt has in the log."""
    found = [one for one in read_decoded(system.endpoints.kafka_bootstrap, DEPLOYMENT_OUTCOMES) if one.prompt == name]
    exposed = Counter(one.run_id for one in found if isinstance(one, RunAssigned))
    return exposed, Counter(one.run_id for one in found if isinstance(one, RunOutcome))


def test_runs_get_their_arms_until_a_rollback_by_hand(system: System, client: httpx.Client) -> None:
    name = prompt_of(client)
    flow = define_workflow(client, llm("ask", f"{name}@production", model="local-echo"))
    child = define_workflow(client, {"id": "sub", "type": "workflow", "config": {"workflow": flow}})
    before = wait_for_run(client, submit(client, submission(flow, {"word": "x"})))
    assert "rollouts" not in before, "without a rollout nothing is said"
    one = deploy(client, name)
    armed(client, flow)

    ids = [submit(client, submission(flow, {"word": "x"})) for _ in range(24)]
    runs = {run: wait_for_run(client, run, outputs=True) for run in ids}
    got = Counter(arms(run)[0] for run in runs.values())
    assert set(got) == {("stable", 1), ("canary", 2)}, got
    for run in runs.values():
        [(arm, _)] = arms(run)
        assert arm in run["by_id"]["ask"]["output"]
        assert run["rollouts"][0] == {
            "prompt": name,
            "environment": "production",
            "arm": arm,
            "version": 2 if arm == "canary" else 1,
            "deployment_id": one["id"],
        }

    parents = [wait_for_run(client, submit(client, submission(child, {"word": "x"}))) for _ in range(6)]
    for parent in parents:
        inner = wait_for_run(client, parent["by_id"]["sub"]["child_run_id"], outputs=True)
        assert arms(inner) == arms(parent)
        assert arms(parent)[0][0] in inner["by_id"]["ask"]["output"]

    # The run's exposure is its only one, whatever is done again.
    canary = next(run for run, found in runs.items() if arms(found) == [("canary", 2)])
    again = client.post(f"{RUNS}/{canary}/restart", json={"from": "ask"}).raise_for_status().json()["id"]
    done = wait_for_run(client, again, outputs=True)
    assert (done["status"], arms(done)) == ("succeeded", [("canary", 2)])
    assert "canary" in done["by_id"]["ask"]["output"]
    counted = [*ids, *(parent["id"] for parent in parents)]
    until(lambda: {*counted} <= records(system, name)[1].keys() or None, END_S, "every run has an outcome")
    exposed, outcomes = records(system, name)
    assert {run: exposed[run] >= 1 for run in counted} == dict.fromkeys(counted, True)
    assert again not in exposed
    assert again not in outcomes
    assert all(inner not in exposed for inner in (parent["by_id"]["sub"]["child_run_id"] for parent in parents))

    client.post(f"/api/v1/deployments/{one['id']}/rollback").raise_for_status()
    until(lambda: deployment(client, one["id"])["status"] == "rolled_back" or None, END_S, "it is rolled back")
    later = wait_for_run(client, submit(client, submission(flow, {"word": "x"})), outputs=True)
    assert "stable" in later["by_id"]["ask"]["output"]
    assert label(client, name)["labels"] == {"production": 1}
    # A run of before keeps its arm in its records, and its prompt is the stable one from now on.
    retried = client.post(f"{RUNS}/{canary}/restart", json={"from": "ask"}, headers={"Idempotency-Key": "later"})
    stable = wait_for_run(client, retried.raise_for_status().json()["id"], outputs=True)
    assert arms(stable) == [("canary", 2)]
    assert "stable" in stable["by_id"]["ask"]["output"]


def test_scores_of_people_reach_the_rollout_and_the_series(system: System, client: httpx.Client) -> None:
    name = prompt_of(client)
    flow = define_workflow(client, llm("ask", f"{name}@production", model="local-echo"))
    one = deploy(client, name, metrics=["score", "errors"])
    armed(client, flow)
    run = wait_for_run(client, submit(client, submission(flow, {"word": "x"})))
    until(lambda: run["id"] in records(system, name)[1] or None, END_S, "its outcome is in the log")
    answer = client.post(f"/api/v1/runs/{run['id']}/scores", json={"step_id": "ask", "score": 0.25})
    assert (answer.status_code, answer.json()["counts_for"]) == (202, ["rollout", "quality"]), answer.text
    [scored] = [
        record
        for record in read_decoded(system.endpoints.kafka_bootstrap, DEPLOYMENT_OUTCOMES)
        if isinstance(record, RunScored) and record.prompt == name
    ]
    assert (scored.run_id, scored.deployment_id, scored.score) == (run["id"], one["id"], 0.25)
    assert [(scored.arm, scored.step)] == [(arm, 0) for arm, _ in arms(run)]

    def series() -> list[dict[str, Any]]:
        found: dict[str, Any] = client.get(f"/api/v1/prompts/{name}/quality").raise_for_status().json()
        return [row for row in found["series"] if row["scorer"] == "people"]

    [by_version] = [row for row in until(lambda: series() or None, END_S, "it is folded") if row["by"] == "version"]
    assert (by_version["scores"], by_version["mean"]) == (1, 0.25)


def test_a_promotion_moves_the_label_and_says_why(client: httpx.Client) -> None:
    name = prompt_of(client)
    one = deploy(client, name, mode="canary")
    client.post(f"/api/v1/deployments/{one['id']}/promote").raise_for_status()
    until(lambda: deployment(client, one["id"])["status"] == "promoted" or None, END_S, "it is promoted")
    found = label(client, name)
    assert found["labels"] == {"production": 2}
    flow = define_workflow(client, llm("ask", f"{name}@production", model="local-echo"))
    after = wait_for_run(client, submit(client, submission(flow, {"word": "x"})), outputs=True)
    assert "canary" in after["by_id"]["ask"]["output"]
    assert "rollouts" not in after


def test_a_sticky_rollout_gives_runs_with_the_same_value_the_same_version(client: httpx.Client) -> None:
    name = prompt_of(client)
    flow = define_workflow(client, llm("ask", f"{name}@production", model="local-echo"))
    deploy(client, name, entity="input.word")
    armed(client, flow)
    for word in ("ann", "bob", "cid", "dee"):
        runs = [wait_for_run(client, submit(client, submission(flow, {"word": word}))) for _ in range(3)]
        assert len({tuple(arms(run)) for run in runs}) == 1


def test_all_at_once_moves_the_label(client: httpx.Client) -> None:
    name = unique("greet")
    client.post("/api/v1/prompts", json={"name": name, "template": "hi"}).raise_for_status()
    one = client.post(f"/api/v1/prompts/{name}/deployments", json={"environment": "production"})
    assert one.status_code == 201, one.text
    until(lambda: label(client, name)["labels"] == {"production": 1} or None, END_S, "the label is there")
