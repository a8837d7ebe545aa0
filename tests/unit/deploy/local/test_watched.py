"""Watched processes: launched again after a pause, named when they die, given up after five deaths in a minute."""

import time
from pathlib import Path

import pytest

from deploy.local.engines.errors import EngineError
from deploy.local.roles import RoleProcess
from deploy.local.watched import MOST_DEATHS, PAUSES_S, WINDOW_S, Death, Watched, how
from tests.support.polling import until

SERVES = "import sys, time; print('{}', flush=True); sys.stderr.write('line of this start\\n'); time.sleep(60)"
FAILS = "import sys; sys.stderr.write('no such port\\n'); sys.exit(7)"


def watched(tmp_path: Path, script: str, *, allowed: bool = True) -> Watched:
    process = RoleProcess("echo", ["-c", script], {}, tmp_path / "echo.log")
    one = Watched("echo", process, lambda: process.wait_ready(10), lambda: allowed)
    one.enabled = True
    return one


def died(one: Watched, now: float) -> Death:
    found = until(lambda: one.look(now), 10, "its death is noticed")
    assert found is not None
    return found


def test_a_killed_process_is_named_with_its_signal_and_the_lines_of_its_own_start(tmp_path: Path) -> None:
    (tmp_path / "echo.log").write_text("Traceback of an earlier start\n")
    one = watched(tmp_path, SERVES)
    one.look(0.0)
    until(lambda: one.serves and "line of this start" in (tmp_path / "echo.log").read_text(), 10, "it serves")
    one.process.kill()
    death = died(one, 1.0)
    assert str(death).startswith("echo was killed by signal 9 (SIGKILL); it starts again in 0.3 s")
    assert death.lines == "line of this start"
    one.look(1.0 + PAUSES_S[0] - 0.01)
    assert one.process.pid is None
    one.look(1.0 + PAUSES_S[0])
    until(lambda: one.serves, 10, "it serves again")
    one.process.kill()


def test_a_process_that_ends_is_named_with_its_code_and_given_up_after_five_deaths(tmp_path: Path) -> None:
    one, now, deaths = watched(tmp_path, FAILS), 0.0, []
    for pause in (*PAUSES_S, PAUSES_S[-1]):
        one.look(now)
        deaths.append(died(one, now))
        now += pause
    assert [death.last for death in deaths] == [False] * (MOST_DEATHS - 1) + [True]
    assert "echo ended with exit code 7" in str(deaths[-1])
    assert "its death number 5 within 60 s, so everything stops" in str(deaths[-1])
    assert deaths[-1].lines == "no such port"


def test_a_wrong_setting_is_not_tried_again(tmp_path: Path) -> None:
    one = watched(tmp_path, "import sys; sys.exit(78)")
    one.look(0.0)
    death = died(one, 0.0)
    assert death.last
    assert "a setting is wrong, so everything stops" in str(death)


def test_deaths_of_more_than_a_minute_ago_do_not_count(tmp_path: Path) -> None:
    one = watched(tmp_path, FAILS)
    for number in range(MOST_DEATHS + 2):
        now = number * (WINDOW_S / 2)
        one.look(now)
        assert not died(one, now).last


def test_it_waits_while_it_may_not_be_launched(tmp_path: Path) -> None:
    one = watched(tmp_path, SERVES, allowed=False)
    one.look(0.0)
    assert one.process.pid is None


def test_an_end_that_was_asked_for_is_no_death(tmp_path: Path) -> None:
    one = watched(tmp_path, SERVES)
    one.look(0.0)
    until(lambda: one.serves, 10, "it serves")
    one.expect_end()
    one.process.kill()
    assert one.look(1.0) is None
    one.look(1.0)
    until(lambda: one.serves, 10, "it serves again")
    one.process.kill()
    assert died(one, 2.0).recent == 1


def test_a_start_that_takes_too_long_is_a_death(tmp_path: Path) -> None:
    process = RoleProcess("echo", ["-c", "import time; time.sleep(60)"], {}, tmp_path / "echo.log")

    def too_late() -> None:
        time.sleep(0.1)
        raise EngineError("not ready in time")

    one = Watched("echo", process, too_late, lambda: True)
    one.enabled = True
    one.look(0.0)
    assert died(one, 0.0).code == -9


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with exit code 0"), (-15, "was killed by signal 15 (SIGTERM)"), (-99, "was killed by signal 99")],
)
def test_ends_are_named(code: int, words: str) -> None:
    assert how(code) == words
