"""``python -m tests.chaos.growth``: the topics of runs grow under load, and the command that does it is killed halfway.

Runs from before wait for a signal meanwhile; one signal comes to a wrong partition, as of a writer that places records
by Kafka's own rule. The last line is JSON: what was lost and doubled, and how long the growth took.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.local.roles import ROOT
from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import named_partitions
from schemas.payload import inline
from schemas.records.run_events import SignalReceived
from tests.support.checker import Checker, Report
from tests.support.crashes import Load, crash_system
from tests.support.polling import until
from topics import clients
from topics.catalogue import RUN_EVENTS, TABLE_RUNS, checkpoint_topic
from topics.codec import encode
from topics.partitioner import partition_for, run_partition

GROWN = 2 * PARTITIONS
WAITING = 8
DEADLINE_S = 90
WAITS = {
    "name": "waits",
    "version": 1,
    "dag": {"nodes": [{"id": "ask", "type": "signal", "config": {"name": "go"}}]},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Play once, with as many more runs after the growth as ``argv`` says; 150 by default."""
    more = int((argv or sys.argv[1:] or ["150"])[0])
    with tempfile.TemporaryDirectory(prefix="agentflow-growth-") as folder:
        figures = play(Path(folder), more)
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(bool(figures["problems"]))


def play(folder: Path, more: int) -> dict[str, Any]:
    """Grow under load; return the figures."""
    with crash_system(folder, latency_ms=20) as (system, _):
        waiting = _waiting(system)
        with Load(system, in_flight=20) as load:
            _more(load, 40)
            _killed_halfway(system)
            began = time.monotonic()
            done = _command(system, "--to", str(GROWN))
            took_s = time.monotonic() - began
            until(lambda: any(named_partitions(run) for run in load.accepted), DEADLINE_S, "a run in a new partition")
            _more(load, more)
            _signal(system, waiting)
            _more(load, 10)
        repeated = _repeated(system, waiting)
        accepted = set(load.accepted) | set(waiting)
        checker = Checker(system.endpoints, PARTITIONS, ORG, accepted)
        report = asyncio.run(checker.settled(DEADLINE_S))
        drained = _command(system, "--to", str(GROWN), "--wait")
    return _figures(report, accepted, took_s, repeated, done + drained)


def _figures(report: Report, accepted: set[str], took_s: float, repeated: bool, said: str) -> dict[str, Any]:
    new = {run for run in accepted if named_partitions(run)}
    spread = {run_partition(run.encode(), PARTITIONS) for run in new}
    problems = list(report.problems)
    problems += [] if repeated else ["a submission of before got another run"]
    problems += [] if len(spread) == GROWN else [f"new runs are in {len(spread)} of {GROWN} partitions"]
    problems += [] if "; 0 runs of before are open" in said else ["runs of before are open still"]
    return {
        "runs": len(accepted),
        "new": len(new),
        "lost": len(report.lost),
        "doubled": len(report.doubled) + (not repeated),
        "money_nano": report.money_difference_nano,
        "grown_s": round(took_s, 2),
        "problems": problems,
    }


def _waiting(system: System) -> list[str]:
    """Return runs that wait for a signal."""
    with system.client() as client:
        client.post("/api/v1/workflows", json=WAITS).raise_for_status()
        return [_submit(client, f"before-{number}") for number in range(WAITING)]


def _submit(client: Any, key: str) -> str:
    answer = client.post(
        "/api/v1/workflows/runs", json={"workflow_name": "waits", "inputs": {}}, headers={"Idempotency-Key": key}
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def _repeated(system: System, waiting: Sequence[str]) -> bool:
    """Return whether submissions of before the growth are answered with the same runs."""
    with system.client() as client:
        return [_submit(client, f"before-{number}") for number in range(WAITING)] == list(waiting)


def _killed_halfway(system: System) -> None:
    """Start the growth and kill it when its first topic has grown."""
    command = subprocess.Popen(_argv("--to", str(GROWN)), cwd=ROOT, env=_env(system), stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    first = command.stdout.readline()
    command.send_signal(signal.SIGKILL)
    command.wait(timeout=30)
    assert first == f"{checkpoint_topic(TABLE_RUNS)} has {GROWN} partitions\n", first


def _command(system: System, *args: str) -> str:
    done = subprocess.run(
        _argv(*args), cwd=ROOT, env=_env(system), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _argv(*args: str) -> list[str]:
    return [sys.executable, "-m", "deploy.growth", *args]


def _env(system: System) -> dict[str, str]:
    return os.environ | system.role_env("growth") | {"PYTHONUNBUFFERED": "1"}


def _signal(system: System, waiting: Sequence[str]) -> None:
    """Signal all by the API but one, which gets its signal in the partition where Kafka's own rule would put it."""
    stray = next(run for run in waiting if partition_for(run.encode(), GROWN) >= PARTITIONS)
    with system.client() as client:
        for run in waiting:
            if run != stray:
                client.post(f"/api/v1/workflows/runs/{run}/signals/go", json={"data": 1}).raise_for_status()
    asyncio.run(_put_by_kafkas_rule(system.endpoints.kafka_bootstrap, stray))


async def _put_by_kafkas_rule(bootstrap: str, run: str) -> None:
    record = SignalReceived(run_id=run, org_id=ORG, name="go", signal_id="stray", payload=inline({"data": 1}))
    producer = clients.producer(bootstrap)
    await producer.start()
    try:
        where = partition_for(run.encode(), GROWN)
        await producer.send_and_wait(RUN_EVENTS, encode(record), run.encode(), partition=where)
    finally:
        await producer.stop()


def _more(load: Load, count: int) -> None:
    goal = len(load.accepted) + count
    until(lambda: len(load.accepted) >= goal, DEADLINE_S, f"{count} more runs are accepted")


if __name__ == "__main__":
    sys.exit(main())
