"""Replays of runs of a whole system: by ``agentctl`` over HTTP, and beside the stores with a worker's functions."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.local.roles import ROOT
from deploy.local.system import System
from streams.replay.__main__ import main
from tests.support.client import define_prompt, define_workflow, llm, merger, run

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), durable=False) as found:
        yield found


@pytest.fixture(scope="module")
def ran(system: System) -> dict[str, Any]:
    """A run with a map, a model's answer and an input that is stored outside of records."""
    with system.client() as client:
        split = {"id": "split", "type": "function", "config": {"function_name": "text_splitter"}}
        split["config"] |= {"inputs": {"text": "{{text}}"}, "function_args": {"chunk_size": 40_000}}
        each = merger("each", inputs={"part": "{{item}}"}, parallel=True, items="split.output")
        ask = llm("ask", define_prompt(client, "Sum up: {{word}}"), inputs={"word": "{{word}}"})
        flow = define_workflow(client, split, each, ask, edges="split>each each>ask")
        return run(client, {"workflow_name": flow, "inputs": {"text": "far away " * 12_000, "word": "The sun shines."}})


def agentctl(system: System, *args: str) -> subprocess.CompletedProcess[str]:
    env = {
        "AGENTFLOW_ENDPOINT": system.api_url,
        "AGENTFLOW_TOKEN": system.api_key,
        "PYTHONPATH": f"{ROOT / 'sdk'}:{ROOT}",
    }
    command = [sys.executable, "-m", "agentflow.cli", *args]
    return subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False)


def test_a_run_is_debugged_verified_and_exported_over_http(system: System, ran: dict[str, Any], tmp_path: Path) -> None:
    assert ran["status"] == "succeeded"
    stopped = agentctl(system, "trace", "replay", ran["id"], "--stop-at", "ask", "-o", "json")
    assert stopped.returncode == 0, stopped.stderr
    shown = json.loads(stopped.stdout)
    assert shown["prompt"] == {"prompt": "Sum up: The sun shines."}
    assert shown["outcome"]["cost_nano"] == Decimal(ran["by_id"]["ask"]["cost_usd"]) * 10**9

    verified = agentctl(system, "trace", "replay", ran["id"], "--mode", "verified", "-o", "json")
    assert verified.returncode == 0, verified.stderr
    (row,) = json.loads(verified.stdout)["replays"]
    assert (row["verdict"], row["compared"], row["done_again"]) == ("equal", ["end"], {"render": 1})
    assert row["from_log"]["function: stored arguments"] >= 1

    golden = tmp_path / "run.jsonl"
    assert agentctl(system, "trace", "replay", ran["id"], "--export", str(golden)).returncode == 0
    again = agentctl(system, "trace", "replay", "--mode", "verified", "--golden", str(tmp_path), "-o", "json")
    assert json.loads(again.stdout)["replays"][0]["compared"] == ["decisions", "end"]


def test_a_run_is_verified_beside_the_stores_with_all_functions(
    system: System, ran: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in system.role_env("worker").items():
        monkeypatch.setenv(name, value)
    assert main([ran["id"]]) == 0
    out = capsys.readouterr().out
    functions = sum(step["type"] == "function" for step in ran["steps"]) - 1
    assert out.startswith(f"{ran['id']}: equal; ")
    assert f"done again: {functions} function, 1 render" in out
    assert "from the log" not in out

    assert main(["no-such-run"]) == 1
    assert "replay: run no-such-run is not in history" in capsys.readouterr().err


def test_a_shadow_asks_again_under_a_budget_of_its_own_and_a_live_replay_is_a_new_run(
    system: System, ran: dict[str, Any]
) -> None:
    done = agentctl(system, "trace", "replay", ran["id"], "--mode", "shadow", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (call,) = found["calls"]
    assert (call["step_id"], call["same"], call["alike"]) == ("ask", True, 1.0), "the built-in model is deterministic"
    with system.client() as client:
        shadow = client.get(f"/api/v1/workflows/runs/{found['shadow_id']}").raise_for_status().json()
        assert (shadow["tags"]["shadow_of"], Decimal(shadow["budget_cents"])) == (ran["id"], 1)
        before = client.get(f"/api/v1/workflows/runs/{ran['id']}").raise_for_status().json()
    assert before["cost_usd"] == ran["cost_usd"], "nothing of the recorded run is touched"

    live = agentctl(system, "trace", "replay", ran["id"], "--mode", "live", "--from", "ask", "-o", "json")
    assert live.returncode == 0, live.stderr
    assert json.loads(live.stdout)["forked_from"] == ran["id"]
