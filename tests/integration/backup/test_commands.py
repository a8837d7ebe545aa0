"""``python -m deploy.backup`` as an operator runs it: take, verify, restore into a data directory, list."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bench.backups import site as sites
from bench.backups.load import run_all
from bench.faults.ends import wait_for_quiet

ROOT = Path(__file__).parents[3]
#: Three systems start one after the other.
pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
RUNS = 100


def backup(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv, whole = [sys.executable, "-m", "deploy.backup", *args], os.environ | {"PYTHONPATH": f"sdk:{ROOT}"} | env
    return subprocess.run(argv, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=600, check=False)


def test_a_lost_site_is_verified_and_restored_by_commands(tmp_path: Path) -> None:
    place, keys = str(tmp_path / "backups"), str(tmp_path / "keys")
    system = sites.system_in(tmp_path / "site", print, {"WORKER_CONCURRENCY": "20"})
    try:
        system.start()
        asyncio.run(run_all(system, RUNS))
        asyncio.run(wait_for_quiet(system.endpoints, 1.5))
        env = system.role_env("backup")
        taken = backup("take", place, "--keys", keys, **env)
        assert taken.returncode == 0, taken.stderr
        full = backup("restore", place, "--keys", keys, **env)
        assert (full.returncode, "is not empty" in full.stderr) == (1, True), full.stderr
    finally:
        sites.lost(system, tmp_path / "kept")

    report = tmp_path / "report.json"
    verified = backup("verify", place, "--keys", keys, "--report", str(report), **env)
    assert verified.returncode == 0, verified.stderr
    assert f"{RUNS} ended runs compared byte for byte" in verified.stdout
    assert orjson.loads(report.read_bytes())["ledger"]["calls"] == RUNS

    sites.brought(tmp_path / "again", tmp_path / "kept")
    into = ("restore", place, "--keys", keys, "--into", str(tmp_path / "again"), "--report", str(report))
    restored = backup(*into)
    assert restored.returncode == 0, restored.stderr
    again = backup(*into)
    assert (again.returncode, "topics with records" in again.stderr) == (1, True), again.stderr
    assert "full" in backup("list", place).stdout
