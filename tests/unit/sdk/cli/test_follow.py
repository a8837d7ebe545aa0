"""A run that is followed: the tree of a terminal, and what Ctrl-C says."""

import os
from pathlib import Path

import pytest
from agentflow.cli import follow
from agentflow.cli.follow import Painter

from tests.support.ctl import RUN, SUCCEEDED, WHOLE, Ctl

STEP = {"id": "s", "node_id": "s", "status": "running", "attempts": 1}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns and 10 lines."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((40, 10)))


@pytest.mark.usefixtures("small")
def test_a_look_is_painted_over_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    painter = Painter(live=True)
    painter.show({**WHOLE, "steps": [STEP]})
    painter.show(WHOLE)
    first, second = capsys.readouterr().err.split("\x1b[2A\x1b[J")
    assert len(first.splitlines()) == 2
    assert len(second.splitlines()) == 3
    assert max(map(len, second.splitlines())) <= 39


@pytest.mark.usefixtures("small")
def test_a_tree_that_is_higher_than_the_terminal_shows_the_newest_steps(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{**STEP, "id": f"s{at}", "node_id": f"s{at}"} for at in range(30)]
    Painter(live=True).show({**WHOLE, "steps": steps})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    assert lines[1] == "… 23 steps"
    assert "s29" in lines[-1]


def test_looks_are_frequent_at_first_and_rare_later(tmp_path: Path) -> None:
    looks: list[float] = []
    ctl = Ctl(
        tmp_path, {("GET", f"/api/v1/workflows/runs/{RUN}"): [{**SUCCEEDED, "status": "running"}] * 20 + [SUCCEEDED]}
    )
    ctl._sleep = looks.append  # type: ignore[method-assign, assignment]
    assert ctl("workflow", "wait", RUN).code == 0
    assert looks[0] == follow.FIRST_S
    assert looks[-1] == follow.LONGEST_S


def test_ctrl_c_says_that_the_run_continues(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {("GET", f"/api/v1/workflows/runs/{RUN}"): {**SUCCEEDED, "status": "running"}})

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    ctl._sleep = interrupt  # type: ignore[method-assign]
    done = ctl("workflow", "watch", RUN)
    assert (done.code, done.out) == (130, "")
    assert f"run {RUN} continues" in done.err


def test_a_run_that_compensates_has_not_ended(tmp_path: Path) -> None:
    looks = [{**WHOLE, "compensating": True}, WHOLE]
    ctl = Ctl(tmp_path, {("GET", f"/api/v1/workflows/runs/{RUN}"): looks})
    assert ctl("workflow", "wait", RUN).code == 1
    assert len(ctl.api.sent) == 2
