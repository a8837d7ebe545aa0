"""A phase of the tests that hangs is ended, says where it stood, and runs once more."""

import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.phase import TIMED_OUT, run

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
