"""An agent with five turns and calls of tools lives through kill -9 of its worker and orchestrator at every turn.

What was recorded is never done again: neither a turn's model call nor a tool's. Only what was under way when its worker
died may be done twice, since nobody knows whether it happened.
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kafka.log import KafkaLog
from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import idempotency_key
from schemas.records.run_events import StepSucceeded
from tests.support.checker import Checker
from tests.support.crashes import crash_system
from tests.support.recording_tool import Notes
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

TURNS = 5
DEADLINE_S = 100
#: Each turn but the last calls a tool, the second one twice at once.
PROMPT = """Note what there is to note, then say so about {{text}}:

@tool desk.note {"text": "one"}

@tool desk.note {"text": "two a"}
@tool desk.note {"text": "two b"}

@tool desk.note {"text": "three"}

@tool desk.note {"text": "four"}
"""
WORKFLOW = {
    "name": "noting",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "assistant",
                "type": "agent",
                "config": {"prompt_ref": "noting@1", "tools": ["desk.note"], "model": "local-echo", "max_turns": TURNS},
                "policy": {"retries": {"max_attempts": 5, "initial_ms": 100}},
            }
        ]
    },
}


def recorded(system: System, run: str) -> dict[str, int]:
    """The attempts whose results are in the log, with how often each is there."""

    async def read() -> dict[str, int]:
        found: dict[str, int] = {}
        async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
            for partition in range(PARTITIONS):
                bounds = await log.bounds(RUN_EVENTS, partition)
                async for records in log.read(RUN_EVENTS, partition, bounds.first, bounds.end):
                    for record in records:
                        event = decode(RUN_EVENTS, record.value)
                        if isinstance(event, StepSucceeded) and event.run_id == run:
                            key = idempotency_key(run, event.step_id)
                            found[key] = found.get(key, 0) + 1
        return found

    return asyncio.run(read())


def until_recorded(system: System, run: str, step_id: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not any(key.endswith(f":{step_id}") for key in recorded(system, run)):
        assert time.monotonic() < deadline, f"{step_id} is not recorded in time"
        time.sleep(0.05)


def done_so_far(notes: Notes, model_url: str) -> dict[str, int]:
    """How often each attempt was really done: at the model, or by the tool."""
    return dict(httpx.get(f"{model_url}/calls", trust_env=False).json()["by_key"]) | notes.counts()


def crash_both(system: System) -> None:
    for role in ("worker", "orchestrator"):
        system.roles[role].kill()
    for role in ("orchestrator", "worker"):
        system.roles[role].start()


def ended(system: System, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    with system.client() as client:
        while True:
            found: dict[str, Any] = client.get(f"/api/v1/workflows/runs/{run}?step_outputs=true").json()
            if found["status"] in ("succeeded", "failed", "canceled"):
                return found
            assert time.monotonic() < deadline, f"the run does not end: {found}"
            time.sleep(0.1)


@pytest.mark.parametrize("turns", [(2,), pytest.param(range(1, TURNS), marks=pytest.mark.exhaustive)], ids=str)
def test_an_agent_survives_crashes_at_its_turns(tmp_path: Path, turns: Iterable[int]) -> None:
    notes = Notes(tmp_path, takes_s=0.2)
    with crash_system(tmp_path / "system", latency_ms=200, env=notes.env) as (system, model_url):
        with system.client() as client:
            client.post("/api/v1/prompts", json={"name": "noting", "template": PROMPT}).raise_for_status()
            client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
            body = {"workflow_name": "noting", "inputs": {"text": "all of it"}}
            run = str(client.post("/api/v1/workflows/runs", json=body).raise_for_status().json()["id"])
        before: list[tuple[set[str], dict[str, int]]] = []
        for turn in turns:
            # Once with the calls of a turn under way, once with the next turn under way.
            until_recorded(system, run, f"assistant/turn-{turn}")
            before.append((set(recorded(system, run)), done_so_far(notes, model_url)))
            crash_both(system)
            until_recorded(system, run, f"assistant/turn-{turn}/desk.note[0]")
            before.append((set(recorded(system, run)), done_so_far(notes, model_url)))
            crash_both(system)
        found = ended(system, run)
        after, events = done_so_far(notes, model_url), recorded(system, run)
        report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, {run}).settled(60))
    assert found["status"] == "succeeded", found["error"]
    for keys, done in before:
        assert {key: after.get(key) for key in keys} == {key: done.get(key) for key in keys}
    steps = {step["id"]: step for step in found["steps"]}
    assert sorted(steps) == sorted(
        ["assistant", *(f"assistant/turn-{n}" for n in range(1, TURNS + 1))]
        + [f"assistant/turn-{n}/desk.note[0]" for n in range(1, TURNS)]
        + ["assistant/turn-2/desk.note[1]"]
    )
    assert {step["status"] for step in steps.values()} == {"succeeded"}
    assert {key.rsplit(":", 1)[1] for key in events} == set(steps) - {"assistant"}
    assert {call["text"] for call in notes.calls()} == {"one", "two a", "two b", "three", "four"}
    assert steps["assistant/turn-1/desk.note[0]"]["output"] == {"noted": "one"}
    assert (report.problems, report.money_difference_nano) == ([], 0)
