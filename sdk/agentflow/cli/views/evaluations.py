"""Evaluations, as commands show them: their progress, their report, and the files that it is written to."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import TIME_LIMIT, USAGE, CliError
from agentflow.cli.follow import FIRST_S, GROWTH, LONGEST_S
from agentflow.cli.session import Session
from agentflow.cli.units import usd
from agentflow.cli.views.runs import ENDED

EVALUATIONS = "/api/v1/evaluations"
_SHOWN_REGRESSIONS = 10
_NANO = 1_000_000_000


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(version: Any) -> str:
    return "" if version.get("low") is None else f"{version['low']:.3f} to {version['high']:.3f}"


_VERSIONS = (
    Column("VERSION", "version"),
    Column("MEAN", "mean", _figure, right=True),
    Column("95% INTERVAL", "", _interval),
    Column("CASES", "n", right=True),
    Column("ERRORS", "errors", right=True),
    Column("COST", "cost.total", lambda nano: usd(f"{int(nano or 0) / _NANO:.9f}"), right=True),
    Column("P50 MS", "latency.p50", right=True),
    Column("P95 MS", "latency.p95", right=True),
    Column("CLUSTERS", "clusters", wide=True, right=True),
    Column("UNSCORED", "unscored", wide=True, right=True),
)


def follow_evaluation(session: Session, evaluation_id: str, time_limit_s: float | None) -> dict[str, Any]:
    """Return the evaluation once it has ended, with its progress on stderr. Raises ``CliError`` at the time limit."""
    try:
        return _followed(session, evaluation_id, time_limit_s)
    except KeyboardInterrupt:
        fix = f"end it by `agentctl evaluation cancel {evaluation_id}`"
        session.note(f"evaluation {evaluation_id} continues; {fix}")
        raise


def _followed(session: Session, evaluation_id: str, time_limit: float | None) -> dict[str, Any]:
    live = sys.stderr.isatty() and session.env.get("TERM") != "dumb"
    deadline, pause, before = None if time_limit is None else session.now() + time_limit, FIRST_S, ""
    while True:
        found: dict[str, Any] = session.get(at(EVALUATIONS, evaluation_id))
        line = _progress(found)
        if line != before:
            click.echo(f"\r\x1b[K{line}" if live else line, err=True, nl=not live)
        before, over = line, found["state"] in ENDED and (found["state"] != "succeeded" or found["report"])
        if live and over:
            click.echo("", err=True)
        if over:
            return found
        if deadline is not None and session.now() + pause > deadline:
            fix = f"it continues; read it by `agentctl evaluation get {evaluation_id}`"
            raise CliError(f"evaluation {evaluation_id} is still {found['state']}", fix, TIME_LIMIT)
        session.sleep(pause)
        pause = min(LONGEST_S, pause * GROWTH)


def _progress(found: Mapping[str, Any]) -> str:
    return f"{found['state']}: {answers(found['progress'])}, {usd(found['cost_usd'])}"


def answers(progress: Mapping[str, Any]) -> str:
    """Return a progress as words."""
    failed = f", {progress['failed']} failed" if progress["failed"] else ""
    return f"{progress['done']} of {progress['total']} answers{failed}"


def show_report(session: Session, found: Mapping[str, Any]) -> None:
    """Print the table of the report of an evaluation, and on stderr what else the report says."""
    session.rows(found, found["report"]["versions"], _VERSIONS, "version")
    for line in _findings(found):
        session.note(line)


def _findings(found: Mapping[str, Any]) -> Iterator[str]:
    report, compared = found["report"], found["report"].get("comparison")
    if compared is not None:
        yield (
            f"version {compared['candidate']} is {_verdict(compared)} {compared['baseline']}: "
            f"difference {compared['difference']:+.3f}{_bounds(compared)}, {compared['wins']} cases better, "
            f"{compared['losses']} worse, {compared['ties']} alike"
        )
    regressions = report.get("regressions") or []
    for one in regressions[:_SHOWN_REGRESSIONS]:
        yield f"worse: {one['case_id']}: {one['before']:.3f} before, {one['after']:.3f} now"
    if len(regressions) > _SHOWN_REGRESSIONS:
        yield f"and {len(regressions) - _SHOWN_REGRESSIONS} more cases are worse"
    for judge in report.get("judges") or []:
        yield from (f"{judge['scorer']}: {warning}" for warning in judge["warnings"])


def _verdict(compared: Mapping[str, Any]) -> str:
    verdict = compared["verdict"]
    return f"{verdict} than" if verdict != "undecided" else "not decidedly better or worse than"


def _bounds(compared: Mapping[str, Any]) -> str:
    return "" if compared["low"] is None else f" (95%: {compared['low']:+.3f} to {compared['high']:+.3f})"


def write_reports(session: Session, evaluation_id: str, *, junit: str | None, html: str | None) -> list[str]:
    """Write the report to the files that are given, and return them. Raises ``CliError``."""
    wanted = {path: file for path, file in (("junit.xml", junit), ("report.html", html)) if file is not None}
    for path, file in wanted.items():
        _write(file, session.get(at(EVALUATIONS, evaluation_id, path)))
    return list(wanted.values())


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise CliError(f"cannot write {file}: {exc.strerror}", "choose another file", USAGE) from exc
