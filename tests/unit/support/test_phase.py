"""A phase of the tests that hangs is ended, says where it stood, and runs once more."""

import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.phase import TIMED_OUT, main, run

WAITS = """
    import time
    from tests.support.stacks import answer_with_stacks
    def stands_here():
        time.sleep(60)
    answer_with_stacks()
    print("begins", flush=True)
"""


def script(path: Path, body: str) -> list[str]:
    path.write_text(textwrap.dedent(body))
    return [sys.executable, str(path)]


@pytest.fixture(autouse=True)
def _finds_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr("tests.support.phase.GRACE_S", 0.5)


def test_output_and_exit_code_are_passed_on(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(script(tmp_path / "fails.py", "print('three', flush=True)\nraise SystemExit(3)")) == 3
    assert capfdbinary.readouterr().out == b"three\n"


def test_one_that_stands_still_twice_fails_and_says_where(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(script(tmp_path / "waits.py", WAITS + "    stands_here()\n"), quiet_s=2) == TIMED_OUT
    out = capfdbinary.readouterr().out.decode()
    assert out.count("begins") == 2
    assert out.count("in stands_here") == 2
    assert "it runs once more" in out
    assert "it failed" in out


def test_one_that_stood_still_once_may_pass(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    mark = tmp_path / "mark"
    body = f"    import pathlib\n    mark = pathlib.Path({str(mark)!r})\n    if not mark.exists():\n"
    body += "        mark.touch()\n        stands_here()\n"
    assert run(script(tmp_path / "once.py", WAITS + body), quiet_s=2) == 0
    assert b"it runs once more" in capfdbinary.readouterr().out


TWO_TESTS = """
    import pathlib
    mark = pathlib.Path(__file__).with_name("mark")
    def test_passes(): pass
    def test_fails_first():
        first = not mark.exists()
        mark.touch()
        assert not first
"""


def phase(path: Path, body: str, retried: int) -> int:
    file = path / "test_it.py"
    file.write_text(textwrap.dedent(body))
    return main(["--retry-failed", str(retried), "-q", "-n", "0", "--rootdir", str(path), str(file)])


def test_a_failed_test_that_passes_alone_is_printed_as_flaky(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert phase(tmp_path, TWO_TESTS, 2) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "1 failed: they run once more, alone" in out
    assert "FLAKY test_it.py::test_fails_first: failed beside others, passed alone" in out
    assert "test_passes" not in out


def test_one_that_fails_alone_too_fails_the_phase(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert phase(tmp_path, TWO_TESTS + "    def test_always_fails(): assert False\n", 2) == 1
    out = capfdbinary.readouterr().out.decode()
    assert "FLAKY test_it.py::test_fails_first" in out
    assert "FLAKY test_it.py::test_always_fails" not in out


@pytest.mark.parametrize("retried", [0, 1])
def test_more_failures_than_may_run_again_fail_at_once(
    tmp_path: Path, retried: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert phase(tmp_path, TWO_TESTS + "    def test_always_fails(): assert False\n", retried) == 1
    assert "once more" not in capfdbinary.readouterr().out.decode()
