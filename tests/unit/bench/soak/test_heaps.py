"""What a process' heap consists of: sizes that follow what it holds, and types with their counts."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bench.soak.heaps import heap, types
from bench.soak.limits import LimitedProcess


class Kept:
    """Something to count."""

    def __init__(self) -> None:
        self.other = [self]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's figures")
def test_sizes_follow_what_is_held() -> None:
    before = heap()
    blocks = [str(number) for number in range(20_000)]
    mapped = bytearray(64 * 1024 * 1024)
    after = heap()
    assert after["blocks"] - before["blocks"] >= len(blocks)  # type: ignore[operator]
    assert after["mapped"] - before["mapped"] >= len(mapped)  # type: ignore[operator]


def test_types_are_counted() -> None:
    kept = [Kept() for _ in range(50_000)]
    assert types()[f"{__name__}.Kept"] == len(kept)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's figures")
def test_the_module_runs_as_it_would_alone(tmp_path: Path) -> None:
    target = tmp_path / "heap.jsonl"
    process = LimitedProcess("json", ["-m", "json.tool", "--compact"], {}, tmp_path / "log", heap=target)
    done = subprocess.run(
        process.command(), input='{"a": 1}', capture_output=True, text=True, check=True, env=process.environment(),
        cwd=process.root,
    )  # fmt: skip
    assert done.stdout.strip() == '{"a":1}'
    assert {"rss", "blocks", "used", "free", "types"} <= orjson.loads(target.read_bytes().splitlines()[0]).keys()
