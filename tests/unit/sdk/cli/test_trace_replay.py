"""``agentctl trace replay`` on an API of documents and on golden files."""

import json
from pathlib import Path
from typing import Any

from tests.support.ctl import RUN, Ctl
from tests.support.runs import START_MS, World, function, llm, resolved, submitted
from topics.codec import encode

TOOLS = """
from agentflow import function

@function("echo")
def echo(*, x: int = 0) -> dict[str, int]:
    return {"x": x + 1}
"""


def world() -> World:
    """A run of ``RUN`` with a function and a model's answer, which cost 0.005 cents."""
    found = World()
    nodes = function("a", inputs={"x": "{{start}}"}), llm("ask", inputs={"word": "a.output.x"})
    found.feed(submitted(resolved(*nodes, edges="a>ask"), run_id=RUN, inputs={"start": 3}))
    for step_id, output, more in (("a", {"x": 4}, {}), ("ask", "hello", {"cost_nano": 50_000})):
        found.now_ms += 10
        event = _result(found, step_id, output, **more)
        found.feed(event)
    return found


def _result(found: World, step_id: str, output: Any, **more: Any) -> Any:
    from schemas.payload import inline
    from schemas.records.run_events import StepSucceeded

    fields = found.outcome(step_id, 1) | {"run_id": RUN} | more
    return StepSucceeded(output=inline(output), **fields)


def answers(found: World, **changes: Any) -> dict[tuple[str, str], Any]:
    """What the API says of the run; ``changes`` are of its model step."""
    at = "2023-11-14T22:13:20.{:03}Z".format
    step = {"type": "x", "attempts": 1, "cost_usd": "0", "tokens": {"input": 0, "output": 0}, "status": "succeeded"}
    steps = [
        step | {"id": "a", "node_id": "a", "output": {"x": 4}, "started_at": at(10), "finished_at": at(10)},
        step
        | {"id": "ask", "node_id": "ask", "output": "hello", "started_at": at(20), "finished_at": at(20)}
        | {"cost_usd": "0.00005"}
        | changes,
    ]
    run = {
        "id": RUN,
        "status": "succeeded",
        "cost_usd": "0.00005",
        "tokens": {"input": 0, "output": 0},
        "output": {"ask": "hello"},
        "started_at": at(0),
        "finished_at": at(20),
    }
    records = [
        {"offset": 5 + number, "at_ms": at_ms, "record": encode(event).decode()}
        for number, (event, at_ms) in enumerate(found.events)
    ]
    base = f"/api/v1/workflows/runs/{RUN}"
    return {
        ("GET", f"/api/v1/traces/{RUN}/records"): {"records": records, "next_cursor": None},
        ("GET", base): run,
        ("GET", f"{base}/steps"): {"steps": steps, "next_cursor": None},
    }


def test_a_run_is_verified_with_the_functions_of_a_file(tmp_path: Path) -> None:
    assert START_MS == 1_700_000_000_000, "the times of the answers are those of the world"
    (tmp_path / "tools.py").write_text(TOOLS)
    ctl = Ctl(tmp_path, answers(world()))
    done = ctl("trace", "replay", RUN, "--mode", "verified", "--tools", str(tmp_path / "tools.py"), "-o", "json")
    assert (done.code, done.err) == (0, "")
    (found,) = done.document["replays"]
    assert (found["verdict"], found["records"], found["compared"]) == ("equal", 3, ["end"])
    assert (found["done_again"], found["recorded_calls"]) == ({"function": 1, "render": 1}, {"llm": 1})


def test_a_difference_ends_with_one_and_names_its_place(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers(world(), attempts=2))
    done = ctl("trace", "replay", RUN, "--mode", "verified")
    assert done.code == 1
    assert "state of step ask at record 7 (step.succeeded): expected attempts 2, found attempts 1" in done.err
    assert "different" in done.out


def test_a_run_is_exported_and_verified_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    golden = tmp_path / "golden"
    golden.mkdir()
    ctl = Ctl(tmp_path, answers(world()))
    done = ctl("trace", "replay", RUN, "--export", str(golden / "run.jsonl"), "--tools", str(tmp_path / "tools.py"))
    assert (done.code, done.err.endswith("with 3 records\n")) == (0, True)

    offline = Ctl(tmp_path)
    args = ("trace", "replay", "--mode", "verified", "--golden", str(golden), "-o", "json")
    done = offline(*args)
    assert (done.code, offline.api.sent) == (0, [])
    assert done.document["replays"][0]["compared"] == ["decisions", "end"]

    (tmp_path / "tools.py").write_text(TOOLS.replace("x + 1", "x + 2"))
    done = offline(*args, "--tools", str(tmp_path / "tools.py"))
    assert done.code == 1
    assert "function of step a at record 6 (step.succeeded)" in done.err


def test_a_directory_without_golden_files_is_a_mistake(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("trace", "replay", "--mode", "verified", "--golden", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "has no golden file; export one" in done.err


def test_a_run_that_has_not_ended_is_not_exported(tmp_path: Path) -> None:
    found = answers(world())
    found["GET", f"/api/v1/workflows/runs/{RUN}"]["status"] = "running"
    done = Ctl(tmp_path, found)("trace", "replay", RUN, "--export", str(tmp_path / "x.jsonl"))
    assert (done.code, done.err) == (1, f"agentctl: run {RUN} has not ended; export it when it has\n")


def test_debug_shows_the_state_at_a_step(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers(world()))
    done = ctl("trace", "replay", RUN, "--stop-at", "ask", "-o", "json")
    assert done.code == 0, done.err
    assert done.document["request"]["args"] == {"word": 4}
    assert done.document["prompt"] == {"prompt": "Say 4"}
    assert done.document["outcome"]["output"] == "hello"
    done = ctl("trace", "replay", RUN, "--stop-at", "ask")
    assert done.out.startswith(f"run {RUN} running after 2 records, the last step.succeeded at offset 6\nrequest:\n")
    assert json.dumps("Say 4") in done.out
    done = ctl("trace", "replay", RUN, "--stop-at", "none")
    assert (done.code, done.out) == (3, "")
    assert "never asked a worker for none; it asked for: a, ask" in done.err


def test_a_policy_is_replayed_and_compared(tmp_path: Path) -> None:
    interval = {"value": 10.0, "low": 5.0, "high": 15.0, "known": 0.5}
    lane = {"cost_nano": 4_000_000, "cost_usd": "0.004", "calls": 2, "cached": 0, "refused": 1, "not_made": 1}
    lane |= {"refused_by": {"guard": 1}, "latency_ms": interval, "quality": None, "cut_runs": 1}
    report = {
        "recorded_nano": 4_000_000,
        "baseline_off_nano": 0,
        "baseline": lane,
        "candidate": lane,
        "cost_difference_nano": -2_000_000,
        "cost_difference_usd": "-0.002",
        "cost_interval_nano": [-3_000_000, -1_000_000],
        "latency_difference_ms": interval,
        "quality_difference": None,
        "coverage": {"calls": 4, "runs": 2, "unchanged": 0.5, "evidence": 0.25, "unknown": 0.25, "unpriced": 0}
        | {"not_reproduced": 0},
    }
    (tmp_path / "policy.yaml").write_text("routes:\n  - match: {node: ask}\n    to: local/local-silver\n")
    ctl = Ctl(tmp_path, {("POST", "/api/v1/traces/policy"): report})
    done = ctl("trace", "replay", "--policy", str(tmp_path / "policy.yaml"), "--since", "1d", "--workflow", "report")
    assert done.code == 0, done.err
    rules = {"routes": [{"match": {"node": "ask"}, "to": "local/local-silver"}]}
    assert ctl.last.body == {"policy": rules, "since": "1d", "workflow": "report"}
    assert "cost: -$0.002" in done.out
    assert "4 calls of 2 runs; 50% unchanged, 25% evidence, 25% unknown; 0 unpriced" in done.out
    assert "10 (5 to 15; of 50% of calls)" in done.out
    (tmp_path / "policy.yaml").write_text("- 1\n")
    assert "has no policy" in ctl("trace", "replay", "--policy", str(tmp_path / "policy.yaml")).err


def shadowed(found: World, **step: Any) -> dict[tuple[str, str], Any]:
    """What the API says of a run, and of the shadow that is made of it."""
    ran = {"id": "shadow-1", "status": "succeeded", "total_cost_usd": "0.00004"}
    asked = {"id": "call_1", "status": "succeeded", "output": "hello", "cost_usd": "0.00004"} | step
    return answers(found) | {
        ("POST", "/api/v1/workflows"): {"name": "shadow", "version": 1},
        ("POST", "/api/v1/workflows/runs"): {"id": "shadow-1"},
        ("GET", "/api/v1/workflows/runs/shadow-1"): [{"id": "shadow-1", "status": "running"}, ran],
        ("GET", "/api/v1/workflows/runs/shadow-1/steps"): {"steps": [asked], "next_cursor": None},
    }


def test_a_shadow_asks_models_again_under_its_own_budget_and_compares(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, shadowed(world()))
    done = ctl("trace", "replay", RUN, "--mode", "shadow", "--model", "local/local-silver", "--budget", "0.5")
    assert done.code == 0, done.err
    sent = {(one.method, one.path): one.body for one in ctl.api.sent if one.method == "POST"}
    (node,) = sent["POST", "/api/v1/workflows"]["dag"]["nodes"]
    assert (node["config"]["prompt_ref"], node["config"]["inputs"]) == ("ask@1", {"word": "{{call_1_word}}"})
    assert (node["config"]["provider"], node["config"]["model"]) == ("local", "local-silver")
    submitted_ = sent["POST", "/api/v1/workflows/runs"]
    assert (submitted_["inputs"], submitted_["budget_cents"]) == ({"call_1_word": 4}, "50.0")
    assert submitted_["tags"] == {"shadow_of": RUN}
    assert "1 of 1 the same, alike 1.00; $0.00005 recorded, $0.00004 for the shadow" in done.out


def test_answers_that_differ_are_scored_and_failures_shown(tmp_path: Path) -> None:
    done = Ctl(tmp_path, shadowed(world(), output="hells"))("trace", "replay", RUN, "--mode", "shadow", "-o", "json")
    (row,) = done.document["calls"]
    assert (row["same"], row["alike"], row["recorded"], row["shadow"]) == (False, 0.8, "hello", "hells")
    error = {"code": "rate_limited", "message": "later"}
    failed = shadowed(world(), status="failed", output=None, error=error)
    done = Ctl(tmp_path, failed)("trace", "replay", RUN, "--mode", "shadow", "-o", "json")
    assert (done.document["calls"][0]["error"], done.document["calls"][0]["alike"]) == ("rate_limited: later", None)


def test_a_run_without_calls_of_models_has_no_shadow(tmp_path: Path) -> None:
    found = World()
    found.feed(submitted(resolved(function("a")), run_id=RUN))
    found.feed(_result(found, "a", {"x": 1}))
    ctl = Ctl(tmp_path, answers(found))
    done = ctl("trace", "replay", RUN, "--mode", "shadow")
    assert (done.code, [one.method for one in ctl.api.sent]) == (0, ["GET"])
    assert "has no call of a model" in done.err


def test_live_is_a_fork(tmp_path: Path) -> None:
    forked = {"id": "new", "workflow_name": "flow", "workflow_version": 1, "forked_from": RUN, "reused": ["a"]}
    ctl = Ctl(tmp_path, {("POST", f"/api/v1/workflows/runs/{RUN}/fork"): forked})
    done = ctl("trace", "replay", RUN, "--mode", "live", "--from", "ask", "--inputs", '{"start": 5}')
    assert done.code == 0, done.err
    assert ctl.last.body == {"inputs": {"start": 5}, "from": "ask"}
    assert "new" in done.out
