"""Judges of live answers in the whole system: each answer is judged once though roles are killed, within money."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.api import unique
from tests.support.polling import until

API = "/api/v1"
RUNS = 24
DEADLINE_S = 120.0
#: It gives back the last words of what it is asked, which are no grade: each answer gets a score without one.
ECHO = {"provider": "local", "model": "local-echo"}
JUDGE = {"kind": "llm_judge", "options": {"rubric": "It is short.", **ECHO}}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"CLAIM_LEASE_MS": "1000", "SESSION_TIMEOUT_MS": "3000"}
    with System(tmp_path_factory.mktemp("judges"), durable=False, env=env) as found:
        yield found


def judged_prompt(client: httpx.Client, **judge: Any) -> str:
    """Make a prompt whose live answers are judged, and a workflow of its name that asks it."""
    name = unique("judged").replace("-", "_")
    client.post(f"{API}/prompts", json={"name": name, "template": "Say {{word}}"}).raise_for_status()
    node = {"id": "ask", "type": "llm", "config": {"prompt_ref": f"{name}@1", "cache": {"enabled": False}, **ECHO}}
    body = {"name": name, "version": 1, "dag": {"nodes": [node], "edges": []}}
    client.post(f"{API}/workflows", json=body).raise_for_status()
    policy = {"sample": 1, "scorers": [JUDGE], "judge": judge}
    client.put(f"{API}/prompts/{name}/scoring", json=policy).raise_for_status()
    time.sleep(5.5)  # history knows a new policy after five seconds
    return name


def submit_all(client: httpx.Client, name: str) -> None:
    for number in range(RUNS):
        body = {"workflow_name": name, "inputs": {"word": f"word {number}"}}
        client.post(f"{API}/workflows/runs", json=body).raise_for_status()


def line(client: httpx.Client, name: str) -> dict[str, Any]:
    scores = client.get(f"{API}/prompts/{name}/scores").raise_for_status().json()["scores"]
    return dict(scores[0]) if scores else {"scored": 0, "failed": 0, "mean": None}


def all_there(client: httpx.Client, name: str, look: Callable[[dict[str, Any]], None]) -> Callable[[], dict[str, Any]]:
    def found() -> dict[str, Any]:
        one = line(client, name)
        look(one)
        return one if one["scored"] + one["failed"] >= RUNS else {}

    return found


def judges_of(client: httpx.Client, name: str) -> Counter[str]:
    """Return how many runs judge each answer."""
    query = {"workflow": f"live-judge.{name}", "limit": 200}
    runs = client.get(f"{API}/workflows/runs", params=query).raise_for_status().json()["runs"]
    return Counter(one["tags"]["live_judge"] for one in runs)


@pytest.mark.exhaustive
def test_each_answer_is_judged_once_though_roles_are_killed(
    client: httpx.Client, system: System, record_property: Callable[[str, object], None]
) -> None:
    name = judged_prompt(client, cents_per_day=100, cents_per_call=1)
    submit_all(client, name)
    kills: list[str] = []

    def kill(one: dict[str, Any]) -> None:
        if len(kills) < 4:
            role = ("scores", "worker")[len(kills) % 2]
            process = system.roles[next(name for name, roles in system.layout.items() if role in roles)]
            process.kill()
            process.start()
            kills.append(role)

    found = until(all_there(client, name, kill), DEADLINE_S, "every answer has a score")
    assert kills == ["scores", "worker", "scores", "worker"]
    assert (found["scored"] + found["failed"], found["calibrated"]) == (RUNS, False)
    judged = judges_of(client, name)
    record_property("live_answers_judged_twice", sum(count - 1 for count in judged.values()))
    record_property("live_answers_not_judged", RUNS - len(judged))
    assert set(judged.values()) == {1}
    assert len(judged) == RUNS


@pytest.mark.exhaustive
def test_a_judge_spends_no_more_than_it_is_given(
    client: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    name = judged_prompt(client, cents_per_day="0.5", cents_per_call="0.1")
    submit_all(client, name)
    found = until(all_there(client, name, lambda _: None), DEADLINE_S, "every answer has a score or none for a reason")
    assert found["failed"] > 0
    judge = client.get(f"{API}/prompts/{name}/scoring").raise_for_status().json()["judge"]
    query = {"workflow": f"live-judge.{name}", "limit": 200}
    runs = client.get(f"{API}/workflows/runs", params=query).raise_for_status().json()["runs"]
    spent = sum(float(one["cost_usd"]) for one in runs) * 100
    record_property("live_judge_overspent_cents", max(0.0, round(spent - 0.5, 9)))
    assert 0 < spent <= 0.5
    assert float(judge["spent_cents"]) == pytest.approx(spent)
    assert not judge["calibrated"]
    assert judge["warnings"]
