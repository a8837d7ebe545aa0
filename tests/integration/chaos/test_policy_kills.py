"""Workers killed between what a policy decided and the effect: the same labels, the same verdict, in any worker."""

import random
import time
from collections import defaultdict
from pathlib import Path

import pytest

from deploy.local.system import System
from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity
from tests.support.client import define_workflow, submission, wait_for_run
from tests.support.crashes import crash_system
from tests.support.recording_tool import Notes
from tests.support.secured_runs import SecuredRuns

#: Runs that are begun before each kill: of every other one the text is from the web.
RUNS = 4
TAKES_S = 0.3
DEADLINE_S = 180.0
NODES = (
    {"id": "split", "type": "function", "config": {"function_name": "text_splitter", "inputs": {"text": "{{text}}"}}},
    {
        "id": "note",
        "type": "tool",
        "config": {"tool_name": "desk.note", "inputs": {"text": "{{text}}"}},
        "policy": {"retries": {"max_attempts": 5, "initial_ms": 100}},
    },
)
DECLARED = {"desk.note": ToolSecurity(source=["trusted"], effects=True, sinks={"text": "recipient"})}
POLICY: dict[str, Json] = {
    "name": "guard",
    "rules": [
        {
            "id": "outside",
            "at": "tool_call",
            "when": "args.text.integrity >= 2",
            "verdict": "deny",
            "reason": "it is from outside",
        },
        {"id": "effects", "at": "tool_call", "verdict": "allow"},
    ],
}


def killed(system: System, notes: Notes, kills: int) -> None:
    """Begin runs and kill the worker while it decides and works; then compare what was decided with what was done."""
    with system.client() as client:
        workflow = define_workflow(client, *NODES, edges="split>note")
    runs = SecuredRuns(system, submission(workflow, {"text": "the first one"}), POLICY, DECLARED)
    worker, chance = system.roles["worker"], random.Random(7)
    labels: dict[str, str] = {}
    before: list[str] = []
    with system.client() as client:
        for number in range(kills):
            begun = []
            for one in range(RUNS):
                label = "web" if one % 2 else "user"
                begun.append(runs.start({"text": f"text {number}.{one}"}, {"$": [label]}))
                labels[begun[-1]] = label
            time.sleep(chance.uniform(0.05, 3 * TAKES_S))
            worker.kill()
            worker.start()
            # A step whose worker dies three times is poison: no run may be hit by more than two kills.
            for run in before:
                wait_for_run(client, run, DEADLINE_S)
            before = begun
        ended = {run: wait_for_run(client, run, DEADLINE_S) for run in labels}
    wanted = {"user": ("succeeded", None), "web": ("failed", "policy_denied")}
    found = {run: (one["status"], (one["by_id"]["note"]["error"] or {}).get("code")) for run, one in ended.items()}
    assert found == {run: wanted[label] for run, label in labels.items()}
    done = {key.rpartition(":")[0] for key in notes.counts()} & labels.keys()
    assert done == {run for run, label in labels.items() if label == "user"}
    said = defaultdict(set)
    for event in runs.audited():
        if event.kind == "decisions" and event.run_id in labels:
            said[event.event_id].add(
                tuple((one.rule, one.verdict, tuple(one.labels.get("text", []))) for one in event.decisions)
            )
    # A repeat says what was said before, and every run was decided on.
    assert {event for event, words in said.items() if len(words) != 1} == set()
    decided = {event.partition(":")[2].partition(":")[0] for event in said}
    assert decided == set(labels)


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.exhaustive)])
def test_a_worker_that_is_killed_decides_the_same_again(tmp_path: Path, kills: int) -> None:
    notes = Notes(tmp_path, takes_s=TAKES_S)
    with crash_system(tmp_path / "system", env=notes.env) as (system, _):
        killed(system, notes, kills)
