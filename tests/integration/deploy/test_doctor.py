"""``agentctl doctor --cluster`` on real engines: no problem in a site that is well, each planted one by its name."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from redis import Redis

from deploy.doctor.__main__ import EXIT_USAGE, main
from deploy.doctor.checks import found
from deploy.doctor.gather import gather
from deploy.local.roles import ROOT
from deploy.local.system import System
from schemas.settings import Settings
from tests.support.client import define_workflow, merger, submission, submit, unique, wait_for_run
from tests.support.polling import until

LAYOUT = {"orchestrator": ("orchestrator",), "rest": ("worker", "budgets", "admission", "history", "analytics")}
CORE = {"roles", "stalled", "leases", "checkpoints", "positions"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("doctor"), durable=False, layout=LAYOUT) as started:
        yield started


def doctor(system: System, **env: str) -> tuple[int, dict[str, str]]:
    """Return the exit code, and the problems by check."""
    done = subprocess.run(
        [sys.executable, "-m", "agentflow.cli", "doctor", "--cluster", "-o", "json"],
        cwd=ROOT, env=os.environ | system.role_env("doctor") | {"PYTHONPATH": "sdk:."} | env,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    by_check: dict[str, str] = {}
    for one in json.loads(done.stdout)["problems"]:
        by_check[one["check"]] = by_check.get(one["check"], "") + one["problem"] + "\n"
    return done.returncode, by_check


def without_process(system: System) -> dict[str, str]:
    """Return the problems by check, read in this process."""
    facts = asyncio.run(gather(Settings.from_env(system.role_env("doctor")), pause_s=2))
    return {one.check: one.problem for one in found(facts)}


def test_a_site_that_is_well_and_planted_problems(system: System, tmp_path) -> None:
    with system.client() as client:
        flow = define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))
        wait_for_run(client, submit(client, submission(flow, {"text": "x"}), unique("run")))
        problems = without_process(system)
        assert not CORE & problems.keys(), problems
        assert not {"engines", "topics", "schema", "clocks"} & problems.keys(), problems

        redis = Redis.from_url(system.endpoints.redis_url)
        redis.config_set("maxmemory-policy", "allkeys-lru")
        (tmp_path / "old.pem").write_text("no certificate", encoding="utf-8")
        system.roles["orchestrator"].stop()
        try:
            # Without an id: whether one is known cannot be said while nothing is folded.
            client.post("/api/v1/workflows/runs", json=submission(flow, {"text": "y"})).raise_for_status()
            until(lambda: "orchestrator" in without_process(system).get("roles", ""), 60, "the group has no member")
            code, problems = doctor(
                system, CERTIFICATE_FILES=str(tmp_path / "old.pem"), BACKUP_MAX_AGE_S="60",
                CLICKHOUSE_URL="http://u:p@127.0.0.1:9",
            )  # fmt: skip
        finally:
            redis.config_set("maxmemory-policy", "noeviction")
            redis.close()
            system.roles["orchestrator"].start()
    assert code == 1
    assert problems.keys() >= {"roles", "stalled", "settings", "certificates", "backup", "engines"}, problems
    assert "orchestrator has stalled in run-events/" in problems["stalled"]
    assert "clickhouse could not be read" in problems["engines"]
    assert "allkeys-lru" in problems["settings"]


def test_wrong_settings_have_an_exit_code_of_their_own(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("TOPIC_PARTITIONS", "many")
    assert main([]) == EXIT_USAGE
    assert "TOPIC_PARTITIONS" in capsys.readouterr().err
