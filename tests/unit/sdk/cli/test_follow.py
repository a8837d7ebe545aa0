"""A run that is followed: the tree of a terminal, and what Ctrl-C says."""

import os
from pathlib import Path

import pytest
from agentflow.cli import follow
from agentflow.cli.answers import AnswerPrinter
from agentflow.cli.follow import Painter
from agentflow.client.events import RunEvent

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


def token(step: str, index: int, text: str, attempt: int = 1) -> RunEvent:
    return RunEvent("token", {"step_id": step, "attempt": attempt, "index": index, "text": text})


def output(step: str, value: object, attempt: int = 1) -> RunEvent:
    return RunEvent("output", {"id": step, "attempts": attempt, "output": value})


def printed(*events: RunEvent) -> str:
    parts: list[str] = []
    printer = AnswerPrinter(parts.append, lambda text: parts.append(f"[{text}]"))
    for event in events:
        printer.take(event)
    return "".join(parts)


def test_one_answer_is_printed_at_a_time_and_the_others_after_it() -> None:
    events = [token("a", 0, "one "), token("b", 0, "x "), output("c", {"k": 1}), token("a", 1, "two")]
    events += [token("b", 1, "y"), output("a", "one two"), token("b", 2, "z"), output("b", "x yz")]
    assert printed(*events) == '[a:]one two\n[c:]{"k": 1}\n[b:]x yz\n'


def test_answer_begins_again_after_a_lost_connection_and_is_not_printed_twice() -> None:
    assert printed(token("a", 0, "one "), token("a", 0, "one two"), output("a", "one two.")) == "[a:]one two.\n"


def test_attempt_that_failed_is_left_and_the_next_one_is_named() -> None:
    failed = RunEvent("step", {"id": "a", "attempts": 1, "status": "failed"})
    events = [token("a", 0, "half"), failed, token("a", 0, "whole", 2), RunEvent("end", {"status": "succeeded"})]
    assert printed(*events) == "[a:]half\n[a, attempt 2:]whole\n"


def test_watch_with_tokens_prints_answers_and_ends_with_the_code_of_the_run(tmp_path: Path) -> None:
    events = [token("analyze", 0, "Hello"), output("analyze", "Hello")]
    ctl = Ctl(tmp_path, {("WATCH", RUN): events, ("GET", f"/api/v1/workflows/runs/{RUN}"): SUCCEEDED})
    done = ctl("workflow", "watch", RUN, "--tokens")
    assert (done.code, done.out) == (0, "Hello\n")
    assert "succeeded" in done.err
    assert ctl("workflow", "watch", RUN, "--tokens", "--timeout", "1m").code == 2
