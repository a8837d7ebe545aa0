"""Evaluations through the whole system: answers, scores, reports, repeats that call again, and a killed worker."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.support.api import unique

API = "/api/v1"
DEADLINE_S = 90.0
#: The goal of the whole is 10 s on two cores that do nothing else.
FLOOR_S = 60.0
#: It gives back the last words of what it is asked.
ECHO = {"provider": "local", "model": "local-echo"}
CASES = [{"id": f"c{n}", "inputs": {"word": f"word {n}"}, "expected": f"word {n}"} for n in range(200)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    env = {"CLAIM_LEASE_MS": "1000", "SESSION_TIMEOUT_MS": "3000"}
    with System(tmp_path_factory.mktemp("evaluations"), durable=False, env=env) as found:
        yield found


def prompt(client: httpx.Client, *templates: str) -> str:
    name = unique("asked").replace("-", "_")
    for template in templates:
        client.post(f"{API}/prompts", json={"name": name, "template": template}).raise_for_status()
    return name


def dataset(client: httpx.Client, cases: list[dict[str, Any]]) -> str:
    name = unique("cases")
    client.post(f"{API}/datasets", params={"name": name}, json={"cases": cases}).raise_for_status()
    return name


def started(client: httpx.Client, **body: Any) -> str:
    answer = client.post(f"{API}/evaluations", json={"scorers": [{"kind": "exact"}], **ECHO, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(
    client: httpx.Client, evaluation_id: str, look: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Wait for the report. ``look`` gets each look."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"{API}/evaluations/{evaluation_id}").raise_for_status().json()
        look(found)
        if found["report"] is not None or found["state"] in ("failed", "canceled"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_two_hundred_cases_are_evaluated_with_progress(
    client: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    looks: list[int] = []
    name, cases = prompt(client, "{{word}}"), dataset(client, CASES)
    begun = time.monotonic()
    found = ended(
        client, started(client, prompt=name, dataset=cases), lambda one: looks.append(one["progress"]["done"])
    )
    took_s = time.monotonic() - begun
    record_property("evaluation_200_cases_s", round(took_s, 2))
    assert found["state"] == "succeeded", found
    assert found["progress"] == {"done": 200, "failed": 0, "total": 200}
    assert looks == sorted(looks)
    assert took_s < FLOOR_S


def test_repeats_are_calls_of_their_own(client: httpx.Client, record_property: Callable[[str, object], None]) -> None:
    name = prompt(client, "{{word}}")
    found = ended(client, started(client, prompt=name, dataset=dataset(client, CASES[:3]), repeats=3))
    steps = client.get(f"{API}/workflows/runs/{found['run_id']}/steps").raise_for_status().json()["steps"]
    answers = [step for step in steps if step["type"] == "llm" and step["id"].endswith("]")]
    assert len(answers) == 9
    record_property("evaluation_repeats_cached", sum(step["cached"] for step in answers))
    assert not any(step["cached"] for step in answers)
    assert all(float(step["cost_usd"]) > 0 for step in answers)


def test_a_worker_that_is_killed_changes_nothing_of_the_report(
    client: httpx.Client, system: System, record_property: Callable[[str, object], None]
) -> None:
    name, cases = prompt(client, "{{word}}", "Not {{word}} but else"), dataset(client, CASES)
    asked = {"prompt": name, "version": 1, "against": 2, "dataset": cases}
    undisturbed = ended(client, started(client, **asked))
    killed: list[int] = []

    def kill(one: dict[str, Any]) -> None:
        if not killed and 20 <= one["progress"]["done"] < one["progress"]["total"] - 50:
            killed.append(one["progress"]["done"])
            system.roles["worker"].kill()
            system.roles["worker"].start()

    found = ended(client, started(client, **asked), kill)
    assert killed, "the evaluation was over before its worker was killed"
    assert found["state"] == "succeeded", found
    reports = [json.dumps(without_times(one["report"])) for one in (found, undisturbed)]
    record_property("evaluation_reports_changed_by_kill", int(reports[0] != reports[1]))
    assert reports[0] == reports[1]
    outputs = [run_output(client, one["run_id"]) for one in (found, undisturbed)]
    assert outputs[0] == outputs[1]


def run_output(client: httpx.Client, run_id: str) -> str:
    """Return the scores of every answer, as the run gives them."""
    output = client.get(f"{API}/workflows/runs/{run_id}").raise_for_status().json()["output"]
    return str(output["scores"])


def without_times(value: Any) -> Any:
    """Leave out what no two runs have alike: how long answers took."""
    if isinstance(value, list):
        return [without_times(one) for one in value]
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key != "latency"}
    return value


def test_judges_and_functions_of_users_are_asked_and_heard(client: httpx.Client) -> None:
    name, cases = prompt(client, "{{word}}", "Not {{word}}"), dataset(client, CASES[:4])
    scorers = [
        {"kind": "contains", "weight": 2},
        {"kind": "llm_judge", "name": "grade", "options": {"rubric": "It is short."}, "weight": 0},
        {"kind": "llm_judge", "name": "pairs", "options": {"rubric": "It is short.", "mode": "pair"}, "weight": 0},
        {"kind": "custom", "name": "own", "options": {"function": "result_merger"}, "weight": 0},
        {"kind": "cost", "options": {"limit_usd": 1}},
        {"kind": "latency", "options": {"limit_ms": 600000}},
    ]
    found = ended(client, started(client, prompt=name, version=1, against=2, dataset=cases, scorers=scorers))
    assert found["state"] == "succeeded", found
    report = found["report"]
    assert [one["version"] for one in report["versions"]] == ["2", "1"]
    means = {one["scorer"]: one["mean"] for one in report["versions"][1]["scorers"]}
    assert (means["contains"], means["cost"], means["latency"]) == (1.0, 1.0, 1.0)
    assert report["versions"][1]["mean"] == 1.0
    assert {one["scorer"] for one in report["judges"]} == {"grade", "pairs"}
    assert not any(one["calibrated"] for one in report["judges"])
    assert report["comparison"]["n"] == 4
    assert report["versions"][1]["cost"]["total"] > 0
