"""Steps that no worker works on, on the whole system: a timer and a signal, while the orchestrator dies."""

import time
from pathlib import Path
from typing import Any

from deploy.local.system import ORG, System
from schemas.records.run_notices import RunNotice
from tests.support.client import define_workflow, merger, submission
from tests.support.client import run as run_one
from tests.support.crashes import crash_system
from tests.support.topics import read_decoded
from topics.catalogue import events_topic

DEADLINE_S = 60
YES = {"approved": True, "by": "ann"}
WORKFLOW = {
    "name": "publishing",
    "version": 1,
    "dag": {
        "nodes": [
            {"id": "cool_off", "type": "wait", "config": {"duration_ms": 3_000}},
            {"id": "ask", "type": "signal", "config": {"name": "approval"}},
            {"id": "veto", "type": "signal", "config": {"name": "veto", "timeout_ms": 300, "default": "none"}},
            {
                "id": "publish",
                "type": "function",
                "config": {
                    "function_name": "result_merger",
                    "function_args": {"strategy": "deep"},
                    "inputs": {"decision": "ask.output", "when": "cool_off.output"},
                },
            },
        ],
        "edges": [{"from": "cool_off", "to": "ask"}, {"from": "ask", "to": "veto"}, {"from": "veto", "to": "publish"}],
    },
}


def run_as(system: System, run: str, wanted: Any) -> dict[str, Any]:
    """The run, once its steps (or it) are as wanted."""
    deadline = time.monotonic() + DEADLINE_S
    with system.client() as client:
        while True:
            found: dict[str, Any] = client.get(f"/api/v1/workflows/runs/{run}?step_outputs=true").json()
            if wanted(found):
                return found
            assert time.monotonic() < deadline, f"not in time: {found}"
            time.sleep(0.1)


def waits_for(kind: str, on: str = "") -> Any:
    def waits(run: dict[str, Any]) -> bool:
        found = (step["waiting"] for step in run["steps"] if step["waiting"])
        return any((waiting["kind"], waiting["on"]) == (kind, on) for waiting in found)

    return waits


def test_a_timer_and_an_approval_outlive_their_orchestrator(tmp_path: Path) -> None:
    with crash_system(tmp_path) as (system, _):
        with system.client() as client:
            client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
            run_one(client, submission(define_workflow(client, merger("a"))))  # history reads from here on
            answer = client.post("/api/v1/workflows/runs", json={"workflow_name": "publishing"})
            run = str(answer.raise_for_status().json()["id"])
        found = run_as(system, run, waits_for("timer"))
        [step] = found["steps"]
        assert step["waiting"]["until"] is not None
        system.roles["orchestrator"].kill()
        system.roles["orchestrator"].start()
        run_as(system, run, waits_for("signal", "approval"))
        system.roles["orchestrator"].kill()
        with system.client() as client:
            for _ in range(2):
                headers = {"Idempotency-Key": "ticket-1"}
                sent = client.post(f"/api/v1/workflows/runs/{run}/signals/approval", json=YES, headers=headers)
                assert sent.status_code == 202, sent.text
            assert client.post(f"/api/v1/workflows/runs/{run}/signals/other", json=YES).status_code == 422
        system.roles["orchestrator"].start()
        found = run_as(system, run, lambda run: run["status"] == "succeeded")
        outputs = {step["id"]: step["output"] for step in found["steps"]}
        assert (outputs["ask"], outputs["veto"]) == (YES, "none")
        assert found["output"]["publish"] == YES | outputs["cool_off"]
        with system.client() as client:
            late = client.post(f"/api/v1/workflows/runs/{run}/signals/approval", json=YES)
        assert late.status_code == 409
        assert set(events_of(system, run)) == {
            f"{run}/ask/1/signal/approval",
            f"{run}/veto/1/signal/veto",
            f"{run}/succeeded",
        }


def events_of(system: System, run: str) -> dict[str, RunNotice]:
    """What other systems hear of a run, by id, once they have heard of its end."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        events = read_decoded(system.endpoints.kafka_bootstrap, events_topic(ORG))
        found = {event.id: event for event in events if event.subject == run}
        if f"{run}/succeeded" in found:
            return found
        assert time.monotonic() < deadline, f"no event of the end: {list(found)}"
        time.sleep(0.1)
