"""``make run`` and ``make demo`` as their user sees them, but for the install."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bench.firsthour.kills import kill_at_random
from bench.firsthour.make_run import MakeRun
from deploy.local.roles import ROOT
from tests.support.client import define_workflow, submit, wait_for_run
from tests.support.polling import until
from tests.support.silence import listen

LOCAL = [sys.executable, "-m", "deploy.local"]
SECOND_START_S = 15
FIRST_RESULT_S = 30
#: A line comes every two seconds at least; a busy machine may stall for several.
SILENCE_S = 10
STOP_S = 5.0
RECOVERY_S = 15.0

Start = Callable[..., MakeRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start ``make run`` in a directory of this test; what still runs at the end is killed."""
    started: list[MakeRun] = []

    def one(*args: str, **env: str) -> MakeRun:
        started.append(MakeRun(tmp_path / "data", tmp_path / f"run-{len(started)}.log", args, env))
        return started[-1]

    yield one
    for each in started:
        each.end()


def test_the_demo_shows_its_runs_is_never_silent_and_ends_well() -> None:
    heard = listen([*LOCAL, "demo"])
    said = "\n".join(line for _, line in heard.lines)
    assert heard.code == 0, said
    assert heard.longest_silence_s < SILENCE_S
    first = heard.first("succeeded, $")
    assert first is not None
    assert first < FIRST_RESULT_S
    for expected in (
        *("map_reduce_analysis (opticks): succeeded", "Key sentences:", "at local/local-silver"),
        *("conditional_processing (a text): process_image skipped (condition:", "multi_lang_translation (German)"),
        "cost_optimized_processing (complex): succeeded",
        *(
            "privacy: the model and the log have:    Please write to EML_",
            "privacy: after the person was erased:   erased",
        ),
    ):
        assert expected in said


def test_a_second_start_keeps_the_data_and_ctrl_c_stops_everything(start: Start) -> None:
    prompt = {"name": "kept", "version": 1, "template": "Say {{.word}}"}
    first = start("--no-sample")
    first.wait_serving()
    with first.client() as api:
        assert api.post("/api/v1/prompts", json=prompt).status_code == 201
    code, seconds = first.interrupt()
    assert (code, seconds < STOP_S) == (0, True), (seconds, first.said)
    second = start("--no-sample")
    assert second.wait_serving() < SECOND_START_S
    with second.client() as api:
        assert api.get("/api/v1/prompts/kept?version=1").status_code == 200
    # A second command says only that the directory is in use, and leaves the running one alone.
    busy = start("--no-sample")
    assert busy.process.wait(30) == 2
    assert re.fullmatch(r".* is in use by process \d+: stop that one, .*\n", busy.said)
    assert (second.data_dir / "env").stat().st_mode & 0o777 == 0o600
    found = subprocess.run(
        [sys.executable, "-m", "topics", "verify", "--data-dir", str(second.data_dir), "--org", "default"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 differences" in found.stdout, found.stdout + found.stderr
    # On a pipe there is nothing but the address.
    assert re.fullmatch(rf"serving on {second.url} after [\d.]+ s\n", second.said)
    code, _ = second.interrupt()
    assert code == 0, second.said
    assert not (second.data_dir / "env").exists()


def test_a_taken_port_is_said_at_once_with_the_remedy(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = start(API_PORT=str(port))
        assert refused.process.wait(30) == 2
    assert f"port {port} of 127.0.0.1 is taken by another program: stop that one, or" in refused.said
    assert "API_PORT=" in refused.said
    assert not (tmp_path / "data" / "logs").exists()  # no engine was started


def catches(sign: signal.Signals, pid: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.findall(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[0], 16) >> (sign - 1) & 1)


@pytest.mark.parametrize("after_s", [0.0, 0.7, 3.0])
def test_ctrl_c_while_starting_ends_within_five_seconds_without_traceback(start: Start, after_s: float) -> None:
    begun = start()
    # Python itself handles SIGINT alone; from its first line on the command handles both.
    until(lambda: catches(signal.SIGTERM, begun.process.pid), 30, "the command has begun")
    time.sleep(after_s)
    code, seconds = begun.interrupt()
    assert code == 130
    assert seconds < STOP_S
    assert "Traceback" not in begun.said


def test_files_that_a_kill_left_empty_are_named_and_made_again(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    for name in ("ports.json", "api-key", "key-pepper", "secret", "run/kafka.pid", "env"):
        (data / name).touch()
    begun = start("--no-sample")
    begun.wait_serving()
    with begun.client() as api:
        assert api.get("/api/v1/workflows/runs").status_code == 200
    assert begun.interrupt()[0] == 0
    for name in ("ports.json", "api-key", "key-pepper", "secret", "kafka.pid"):
        assert name in begun.said


def test_a_secret_that_postgresql_needs_is_not_made_again(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    (tmp_path / "data" / "postgres" / "complete").touch()
    (tmp_path / "data" / "secret").touch()
    refused = start("--no-sample")
    assert refused.process.wait(30) == 1
    assert "secret is empty" in refused.said
    assert "Traceback" not in refused.said


def test_usage_of_the_command_names_the_ways_to_run_the_sample() -> None:
    shown = subprocess.run(
        [*LOCAL, "run", "--help"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert "--sample" in shown.stdout
    assert "--no-sample" in shown.stdout


TOOLS = """
from agentflow import function


@function
def shout(*, text: str) -> str:
    return text.upper() + "{}"
"""


def test_a_file_of_tools_is_loaded_and_a_change_restarts_the_worker_alone(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "mytools.py"
    file.write_text(TOOLS.format("!"))
    begun = start("--no-sample", TOOLS=str(file))
    begun.wait_serving()
    with begun.client() as api:
        name = define_workflow(api, {"id": "a", "type": "function", "config": {"function_name": "shout"}})
        assert shouted(api, name) == "HI!"
        before = {one: begun.pid_of(one) for one in ("worker", "streams", "api")}
        file.write_text("def broken(:\n")
        until(lambda: "mytools.py:1: SyntaxError" in begun.said, 20, "the fault is reported")
        assert begun.pid_of("worker") == before["worker"]
        assert shouted(api, name) == "HI!"
        file.write_text(TOOLS.format("?"))
        until(lambda: begun.pid_of("worker") not in (None, before["worker"]), 30, "the worker starts again")
        assert shouted(api, name) == "HI?"
        assert {one: begun.pid_of(one) for one in ("streams", "api")} == {
            one: before[one] for one in ("streams", "api")
        }
    assert begun.interrupt()[0] == 0


def shouted(api: httpx.Client, name: str) -> object:
    run = wait_for_run(api, submit(api, {"workflow_name": name, "inputs": {"text": "hi"}}), 60, outputs=True)
    return run["output"]["a"]


def test_killed_engines_and_roles_are_named_and_serve_again_without_a_lost_run(start: Start) -> None:
    begun = start()  # with the sample, which must outlive the kills
    begun.wait_serving()
    found = kill_at_random(begun, 4, seed=1, progress=sys.stderr.write)
    assert max(found.seconds) < RECOVERY_S, found
    assert found.lost == []
    assert found.named == 4, begun.said
    assert found.submitted >= 4  # one for each kill at least
    assert begun.interrupt()[0] == 0


def test_a_wrong_setting_of_a_role_ends_it_with_the_reason(start: Start) -> None:
    begun = start("--no-sample", WORKER_CONCURRENCY="nine")
    assert begun.process.wait(120) == 3
    assert "ended with exit code 78; a setting is wrong, so everything stops" in begun.said
    assert "WORKER_CONCURRENCY='nine' is not a whole number" in begun.said
