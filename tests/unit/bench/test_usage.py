"""The bench's readings of CPU and memory, on real processes."""

import subprocess
import sys

import psutil
import pytest

from bench.usage import MachineTimes, cpu_seconds, elsewhere, held_mb, memory_mb

DEADLINE_S = 30
# The kernel cuts the times in user and in system mode to a tick of 10 ms each, for the parent and for its children.
CUT_S = 4 * 0.01
# Burns 0.3 s of CPU in a child that ends and is waited for, says so, then waits for the end of its input.
PARENT = """
import subprocess, sys
burn = "import time\\nwhile time.process_time() < 0.3: pass"
subprocess.run([sys.executable, "-c", burn], check=True)
print("burnt", flush=True)
sys.stdin.read()
"""
# Holds 60 MB in a child, which ends with the input that it shares.
HOLDER = """
import subprocess, sys
hold = "import sys; data = b'x' * 60_000_000; print('held', flush=True); sys.stdin.read()"
subprocess.run([sys.executable, "-c", hold], check=True)
"""


@pytest.fixture
def started():
    running = []

    def start(code, said):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout.readline().strip() == said
        return process.pid

    yield start
    for process in running:
        process.communicate(timeout=DEADLINE_S)


def test_cpu_of_a_child_that_ended_counts(started):
    pid = started(PARENT, "burnt")
    assert psutil.Process(pid).children() == []
    assert cpu_seconds(pid) >= 0.3 - CUT_S


def test_memory_of_a_living_child_counts(started):
    assert memory_mb(started(HOLDER, "held")) >= 60


# Maps a file of 40 MB and reads all of it, and holds 20 MB of its own.
MAPS = """
import mmap, sys, tempfile
file = tempfile.TemporaryFile()
file.write(b"x" * 40_000_000)
file.flush()
mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
total = sum(mapped[::4096])
data = b"x" * 20_000_000
print("mapped", flush=True)
sys.stdin.read()
"""


def test_memory_of_children_is_held(started):
    assert held_mb(started(HOLDER, "held")) >= 60


@pytest.mark.skipif(not psutil.LINUX, reason="NOT TESTED: only Linux tells what files back")
def test_pages_of_files_are_not_held(started):
    pid = started(MAPS, "mapped")
    assert memory_mb(pid) >= 60
    assert 20 <= held_mb(pid) <= memory_mb(pid) - 40


def test_where_the_kernel_does_not_tell_what_is_held_is_what_is_resident(started, tmp_path):
    assert held_mb(started(HOLDER, "held"), tmp_path) >= 60


def test_elsewhere_leaves_out_idle_time_and_our_own():
    #         user nice system idle iowait irq softirq steal
    start = [10.0, 0.0, 10.0, 100.0, 0.0, 0.0, 0.0, 5.0]
    end = [14.0, 0.0, 12.0, 108.0, 2.0, 1.0, 1.0, 7.0]
    found = elsewhere(start, end, ours=3.0)
    assert (found.steal, found.others) == pytest.approx((2 / 20, 5 / 20))
    assert elsewhere(start, start, ours=0.0).others == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/stat is Linux's")
def test_the_machine_times_of_linux_are_read(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 800 0 0 0 0 7 7\ncpu0 1 1\n")
    times = MachineTimes(stat)
    stat.write_text("cpu  100 0 100 1600 0 0 0 200 9 9\ncpu0 1 1\n")
    assert times.elsewhere().steal == pytest.approx(0.2)
    assert MachineTimes(tmp_path / "absent").elsewhere() is None
    assert MachineTimes().elsewhere() is not None
