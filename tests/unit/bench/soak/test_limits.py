"""Limits of memory: those of the compose file, and groups that hold them where the kernel lets us make some."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak.limits import Groups, LimitedProcess, limits, size

MIB = 1 << 20
#: A process that wants more memory than its limit, and says so when it has it.
WANTS = "b = bytearray(200 << 20); print(sum(b[::4096]) == 0)"


def test_limits_are_those_of_the_compose_file() -> None:
    assert limits() == {"api": 1024 * MIB, "worker": 512 * MIB, "streams": 1024 * MIB, "sinks": 1024 * MIB}


@pytest.mark.parametrize(("text", "bytes_"), [("512m", 512 * MIB), ("1g", 1024 * MIB), ("4k", 4096), ("2GB", 2 << 30)])
def test_sizes_are_read(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["512", "1.5g", "", "m"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size(text)


def test_without_groups_a_process_is_only_watched(tmp_path: Path) -> None:
    groups = Groups((tmp_path,))
    assert not groups.made
    assert groups.entry("worker", MIB) is None
    assert list(tmp_path.iterdir()) == []
    process = LimitedProcess("worker", ["-c", "1"], {}, tmp_path / "log", entry=None)
    assert process.command() == [sys.executable, "-c", "1"]


def test_kernel_ends_what_wants_more_than_its_limit(tmp_path: Path) -> None:
    groups = Groups()
    if not groups.made:
        pytest.skip("NOT LIMITED: no groups of memory can be made here: run as root, on Linux")
    try:
        for name, most, ended in (("small", 64 * MIB, True), ("large", 512 * MIB, False)):
            one = LimitedProcess(name, ["-c", WANTS], {}, tmp_path / name, entry=groups.entry(name, most))
            done = subprocess.run(one.command(), capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode < 0 or "Killed" in done.stderr) is ended, (name, done)
    finally:
        groups.remove()
    assert not groups._parent.exists()
