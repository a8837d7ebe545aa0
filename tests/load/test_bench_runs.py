"""The bench measures on real engines and roles, and prints lines that a program can read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^(\w+) ([\d.e+-]+) (\S+)(?:  # .*)?$")
DEADLINE_S = 110


@pytest.mark.timeout(DEADLINE_S + 10)
def test_a_quick_bench_prints_its_lines_and_keeps_nothing() -> None:
    before = sorted((ROOT / "bench/results").iterdir())
    argv = [sys.executable, "-m", "bench", "--quick", "--only", "runs_per_s,cpu_ms_per_run,generator_cpu_ms_per_run"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    found = {match[1]: float(match[2]) for match in map(LINE.match, lines) if match}
    assert len(found) == len(lines)
    assert {"runs_per_s", "cpu_ms_per_run", "cpu_ms_per_run_kafka", "cpu_ms_per_run_redis"} < set(found)
    assert found["runs_per_s"] > 1
    parts = [value for name, value in found.items() if name.startswith("cpu_ms_per_run_")]
    assert found["cpu_ms_per_run"] == pytest.approx(sum(parts), rel=0.05)
    # The generator must stay small beside what it measures.
    assert 0 < found["generator_cpu_ms_per_run"] < found["cpu_ms_per_run"]
    assert sorted((ROOT / "bench/results").iterdir()) == before
