"""Runs that start runs."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.histories.stage import Json, Stage, missing
from tests.support.client import RUNS, define_workflow, merger, submission, submit, wait_for_run


def child_runs(stage: Stage) -> list[str]:
    """One that waits for others in every way, one whose run takes too long, and one that is canceled with its own."""
    leaf = define_workflow(stage.client, merger("a", inputs={"got": "{{x}}"}))
    inner = define_workflow(stage.client, runs("in", leaf, inputs={"x": "{{x}}"}), merger("out"), edges="in>out")
    getter = define_workflow(stage.client, missing("get", "{{key}}"))
    keys = ["gettysburg.txt", "not-there.txt"]
    flow = define_workflow(
        stage.client,
        runs("one", inner, inputs={"x": 1}),
        runs("free", leaf, detach=True, inputs={"x": 2}),
        runs("each", getter, inputs={"key": "{{item}}"}, parallel=True, items=keys, on_child_error="skip"),
        merger("all", inputs={"one": "one.output", "free": "free.output", "each": "each.output"}),
        edges="one>all free>all each>all",
    )
    found = stage.run(flow)
    pause: Json = {"id": "pause", "type": "wait", "config": {"duration_ms": 60_000}}
    waiting = define_workflow(stage.client, pause)
    late = {"timeout_ms": 300, "optional": True, "retries": {"max_attempts": 2, "initial_ms": 50, "jitter": 0}}
    found += stage.run(define_workflow(stage.client, runs("late", waiting, late), merger("after"), edges="late>after"))
    canceled = submit(stage.client, submission(define_workflow(stage.client, runs("wait", waiting))))
    stage.until_waiting(canceled, "wait")
    stage.client.post(f"{RUNS}/{canceled}/cancel").raise_for_status()
    wait_for_run(stage.client, canceled)
    return [one for run in (*found, canceled) for one in _family(stage, run)]


#: By name: what is played.
FAMILY_SCENARIOS: Mapping[str, Callable[[Stage], list[str]]] = {"child_runs": child_runs}


def runs(id_: str, workflow: str, policy: Json | None = None, **config: Any) -> Json:
    """A node of type workflow."""
    return {"id": id_, "type": "workflow", "config": {"workflow": workflow} | config, "policy": policy or {}}


def _family(stage: Stage, run: str) -> list[str]:
    """A run and all that came of it, once they have ended."""
    wait_for_run(stage.client, run)
    children = stage.client.get(RUNS, params={"parent_run_id": run}).raise_for_status().json()["runs"]
    return [run, *(one for child in children for one in _family(stage, child["id"]))]
