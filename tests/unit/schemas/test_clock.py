"""The time of day is read in one place."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.clock import now_ms, utc_now

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("schemas", "topics", "connectors", "services", "streams", "api")
READS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}


def calls(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def modules() -> list[str]:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in files)


def test_only_the_clock_reads_the_time_of_day() -> None:
    found = {name for name in modules() if READS & set(calls((ROOT / name).read_text(encoding="utf-8")))}
    assert found == {"schemas/clock.py"}


@pytest.mark.parametrize(
    "source", ["import time\nnow = time.time()", "from datetime import datetime\ndatetime.now(UTC)"]
)
def test_a_read_elsewhere_is_found(source: str) -> None:
    assert READS & set(calls(source))


def test_both_readings_are_of_the_same_time() -> None:
    before = time.time_ns() // 1_000_000
    read, told = now_ms(), utc_now().timestamp() * 1000
    after = time.time_ns() // 1_000_000
    assert before <= read <= after
    assert before <= told <= after + 1
