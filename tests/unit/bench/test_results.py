"""The bench's results files: what they hold, and what a run is compared with."""

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from bench.lines import Earlier, Line
from bench.results import FOLDER, History, Machine, Taken, file_name, this_machine, write
from bench.usage import Elsewhere

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MACHINE = Machine(cores=2, python="3.11.7", load_at_start=0.5, cpu_steal_share=0.0123, cpu_others_share=0.25)


@pytest.fixture
def checkout(tmp_path):
    def git(*args):
        subprocess.run(["git", *args], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    git("config", "user.email", "bench@example.org")
    git("config", "user.name", "bench")
    (tmp_path / "code.py").write_text("1\n")
    return tmp_path, git


def keep(root, at, *lines):
    return write(root / FOLDER, lines, MACHINE, {}, Taken("abc1234", at))


def test_the_name_is_the_utc_time_and_the_revision():
    at = datetime(2026, 3, 4, 1, 6, 7, tzinfo=timezone(timedelta(hours=-4)))
    assert file_name(at, "worktree") == "2026-03-04T050607Z-worktree.json"


def test_a_file_holds_figures_and_the_machine_and_nothing_that_tells_where(tmp_path):
    line = Line("runs_per_s", "runs/s", (3.0, 1.0, 2.0), "how")
    earlier = {"runs_per_s": Earlier(4.0, "old.json")}
    path = write(tmp_path / "results", [line], MACHINE, earlier, Taken("abc1234", AT), ["chained: not measured"])
    assert orjson.loads(path.read_bytes()) == {
        "at": "2026-03-04T05:06:07+00:00",
        "revision": "abc1234",
        "machine": {
            "cores": 2,
            "python": "3.11.7",
            "load_at_start": 0.5,
            "cpu_steal_share": 0.0123,
            "cpu_others_share": 0.25,
        },
        "warnings": ["other processes took 25% of the CPU time"],
        "failures": ["chained: not measured"],
        "lines": [
            {
                "name": "runs_per_s",
                "value": 2.0,
                "unit": "runs/s",
                "samples": [3.0, 1.0, 2.0],
                "note": "how",
                "floor": 500,
                "goal": 2000,
                "verdict": "missed",
                "ratio": 0.5,
                "compared_with": "old.json",
            }
        ],
    }


def test_each_line_is_compared_with_the_newest_committed_file_that_has_it(checkout):
    root, git = checkout
    old = keep(root, AT, Line("a", "x", (1.0,)), Line("b", "x", (10.0,)))
    new = keep(root, AT + timedelta(days=1), Line("a", "x", (2.0,)))
    git("add", ".")
    git("commit", "-qm", "results")
    keep(root, AT + timedelta(days=2), Line("a", "x", (3.0,)))
    assert History(root).earlier(["a", "b", "c"]) == {"a": Earlier(2.0, new.name), "b": Earlier(10.0, old.name)}


def test_a_committed_file_counts_as_it_was_committed(checkout):
    root, git = checkout
    path = keep(root, AT, Line("a", "x", (1.0,)))
    git("add", ".")
    git("commit", "-qm", "results")
    path.write_bytes(path.read_bytes().replace(b"1.0", b"9.0"))
    assert History(root).earlier(["a"])["a"].value == 1.0


def test_the_revision_is_the_commit_while_only_results_are_new(checkout):
    root, git = checkout
    git("add", ".")
    git("commit", "-qm", "code")
    keep(root, AT, Line("a", "x", (1.0,)))
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert History(root).revision() == head
    (root / "code.py").write_text("2\n")
    assert History(root).revision() == "worktree"


def test_without_git_nothing_is_compared(tmp_path):
    history = History(tmp_path)
    assert (history.revision(), history.earlier(["a"])) == ("worktree", {})


def test_a_regression_is_marked_in_the_file(tmp_path):
    line = Line("cpu_ms_per_run", "ms", (1.2,))
    path = write(tmp_path, [line], MACHINE, {"cpu_ms_per_run": Earlier(1.0, "old.json")}, Taken("abc1234", AT))
    assert orjson.loads(path.read_bytes())["lines"][0]["regression"] is True


def test_the_newest_file_is_the_one_that_says_so_itself(checkout):
    root, git = checkout
    new = keep(root, AT + timedelta(days=1), Line("a", "x", (2.0,)))
    old = keep(root, AT, Line("a", "x", (1.0,)))
    new.rename(new.with_name("0-renamed.json"))
    old.rename(old.with_name("9-renamed.json"))
    git("add", ".")
    git("commit", "-qm", "results")
    assert History(root).earlier(["a"]) == {"a": Earlier(2.0, "0-renamed.json")}


def test_the_machine_shows_how_much_of_it_was_elsewhere():
    assert str(MACHINE) == (
        "2 cores, Python 3.11.7, load average at the start 0.50, CPU steal 1.2%, taken by other processes 25.0%"
    )
    assert this_machine(Elsewhere(0.5, 0.25), 1.0).cpu_others_share == 0.25
    assert "steal" not in str(this_machine(None, None))


@pytest.mark.parametrize(
    ("steal", "others", "warnings"),
    [
        (0.05, 0.20, []),
        (0.051, 0.0, ["the host took 5% of the CPU time (steal)"]),
        (0.0, 0.30, ["other processes took 30% of the CPU time"]),
        (None, None, []),
    ],
)
def test_a_busy_machine_is_warned_of(steal, others, warnings):
    assert Machine(2, "3.11", 0.0, steal, others).warnings() == warnings
