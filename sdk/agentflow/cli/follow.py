"""Follows a run to its end, with its progress on stderr: a tree on a terminal, a line for each change elsewhere."""

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from agentflow.cli.answers import AnswerPrinter
from agentflow.cli.errors import TIME_LIMIT, CliError, code_of_run
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ENDED, ONE, RUNS, changes, tree

#: Looks are frequent at first, since most runs are short, and cost the server little later.
FIRST_S, LONGEST_S, GROWTH = 0.2, 2.0, 1.3
_UP = "\x1b[{lines}A\x1b[J"


class Painter:
    """Writes progress. ``show`` is called with each look at the run."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._lines = 0
        self._before: Mapping[str, Any] | None = None

    def show(self, run: Mapping[str, Any]) -> None:
        """Write what is new."""
        if self._live:
            self._paint(tree(run))
        else:
            for line in changes(self._before, run):
                click.echo(line, err=True)
        self._before = run

    def _paint(self, lines: list[str]) -> None:
        width, height = screen()
        if len(lines) > height:
            # What has scrolled away cannot be painted over, so only the newest steps are shown.
            lines = [lines[0], f"… {len(lines) - height + 1} steps", *lines[2 - height :]]
        back = _UP.format(lines=self._lines) if self._lines else ""
        click.echo(back + "\n".join(line[:width] for line in lines), err=True, color=True)
        self._lines = len(lines)


def screen() -> tuple[int, int]:
    """Return how many columns and lines of the terminal can be painted over."""
    from shutil import get_terminal_size

    found = get_terminal_size()
    return max(20, found.columns - 1), max(5, found.lines - 1)


def follow(session: Session, run_id: str, time_limit_s: float | None, *, quiet: bool = False) -> dict[str, Any]:
    """Return the run once it has ended. Raises ``CliError`` when the time limit passes first."""
    try:
        return _follow(session, run_id, time_limit_s, quiet=quiet)
    except KeyboardInterrupt:
        session.note(f"run {run_id} continues; end it by `agentctl workflow cancel {run_id}`")
        raise


def _follow(session: Session, run_id: str, time_limit_s: float | None, *, quiet: bool) -> dict[str, Any]:
    painter = None if quiet else Painter(live=sys.stderr.isatty() and session.env.get("TERM") != "dumb")
    deadline, pause = None if time_limit_s is None else session.now() + time_limit_s, FIRST_S
    while True:
        run: dict[str, Any] = session.get(f"{RUNS}/{run_id}")
        if painter is not None:
            painter.show(run)
        if run["status"] in ENDED and not run.get("compensating"):
            return run
        if deadline is not None and session.now() + pause > deadline:
            raise CliError(
                f"run {run_id} is still {run['status']} after {time_limit_s:g} s",
                f"it continues; follow it by `agentctl workflow watch {run_id}`",
                TIME_LIMIT,
            )
        session.sleep(pause)
        pause = min(LONGEST_S, pause * GROWTH)


def follow_answers(session: Session, run_id: str) -> NoReturn:
    """Print answers of models as they come, and end with the run's exit code. Its tree is not shown."""
    printer = AnswerPrinter(lambda text: click.echo(text, nl=False), session.note)
    try:
        for event in session.api.watch(run_id):
            printer.take(event)
    except KeyboardInterrupt:
        session.note(f"run {run_id} continues; end it by `agentctl workflow cancel {run_id}`")
        raise
    run = session.get(f"{RUNS}/{run_id}")
    session.note(f"{run['status']}, {run.get('total_cost_usd', run['cost_usd'])} USD")
    raise click.exceptions.Exit(code_of_run(run["status"], str((run.get("error") or {}).get("code", ""))))


def follow_and_end(session: Session, run_id: str, time_limit_s: float | None, *, quiet: bool = False) -> NoReturn:
    """Follow a run, print it, and end with its exit code."""
    run = follow(session, run_id, time_limit_s, quiet=quiet)
    session.one(run, ONE)
    raise click.exceptions.Exit(code_of_run(run["status"], str((run.get("error") or {}).get("code", ""))))
