"""``agentctl prompt eval``: starts an evaluation, shows its progress, prints its report, and decides the exit code."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts.scorers import scorers_of
from agentflow.cli.errors import FAILED, TIME_LIMIT, USAGE, CliError, code_of_run
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import cents, usd

EVALUATIONS = "/api/v1/evaluations"
FIRST_S, LONGEST_S, GROWTH = 0.2, 2.0, 1.3
_ENDED = ("succeeded", "failed", "canceled")
_SHOWN_REGRESSIONS = 10
#: Verdicts that end with 1, by ``--fail-on``.
_FAILING = {"worse": ["worse"], "undecided": ["worse", "undecided"]}
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


@make(
    None,
    "eval",
    changes=True,
    example="agentctl prompt eval greeter 4 --against production --dataset greetings --scorer exact --fail-under 0.9",
)
@click.argument("name")
@click.argument("version", required=False)
@click.option("--against", metavar="VERSION", help="The version, or label, that it is compared with.")
@click.option("--dataset", metavar="NAME[@VERSION]", help="The cases; the dataset with the prompt's name by default.")
@click.option("--scorer", "scorers", multiple=True, metavar="KIND[:TEXT]", help="exact, contains:TEXT; JSON, or @file.")
@click.option("--repeats", type=click.IntRange(1, 20), default=1, show_default=True, help="Answers to each case.")
@click.option("--quality", type=OneOf(("gold", "silver", "bronze")), help="The quality; silver by default.")
@click.option("--provider", metavar="NAME", help="With --model: what is asked.")
@click.option("--model", metavar="NAME", help="The model; that of the version or of the quality by default.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest answer.")
@click.option("--budget", metavar="USD", help="The most that it may cost, in US dollars.")
@click.option("--project", metavar="ID", help="The project that it spends for.")
@click.option("--fail-under", type=click.FloatRange(0, 1), help="Exit with 1 if the mean is lower.")
@click.option("--fail-on", type=OneOf(("worse", "undecided")), help="Exit with 1 if it is worse, or not better.")
@click.option("--teach-routes", is_flag=True, default=None, help="Let the prompt's routes learn from the scores.")
@click.option("--junit", metavar="FILE", help="Write the report as JUnit XML.")
@click.option("--html", metavar="FILE", help="Write the report as HTML.")
@click.option("--time-limit", type=DURATION, help="Stop waiting after that; the evaluation continues.")
def evaluate(
    session: Session,
    name: str,
    *,
    version: str | None,
    scorers: Sequence[str],
    junit: str | None,
    html: str | None,
    fail_on: str | None,
    time_limit: float | None,
    **given: Any,
) -> None:
    """Evaluate a VERSION, or label, of the prompt NAME by a dataset; the newest version by default.

    The exit code is 0 when it held what was asked of it, 1 when it did not, or when the evaluation failed.
    """
    if fail_on is not None and given["against"] is None:
        raise CliError("--fail-on compares two versions", "give --against VERSION", USAGE)
    body: dict[str, Any] = {
        "prompt": name,
        "version": which(version),
        "against": which(given.pop("against")),
        "scorers": scorers_of(scorers or ("exact",)),
        "fail_on": _FAILING.get(fail_on or ""),
        "budget_cents": _cents(given.pop("budget")),
        "dataset": given.pop("dataset") or name,
        **given,
    }
    made = session.change("POST", EVALUATIONS, {key: one for key, one in body.items() if one is not None})
    found = _followed(session, made["id"], time_limit)
    if found["state"] != "succeeded":
        error = found.get("error") or found["state"]
        why = f"evaluation {found['id']} is {found['state']}: {error}"
        code = code_of_run("failed", error.partition(":")[0])
        raise CliError(why, f"see `agentctl workflow get {found['run_id']}`", code)
    for path, file in (("junit.xml", junit), ("report.html", html)):
        if file is not None:
            _write(file, session.get(at(EVALUATIONS, found["id"], path)))
    _show(session, found)
    _decide(found)


def which(text: str | None) -> int | str | None:
    """Return a version as the API takes it: a number, or a label."""
    return int(text) if text is not None and text.isdecimal() else text


def _cents(budget: str | None) -> str | None:
    return None if budget is None else cents(budget)


def _followed(session: Session, evaluation_id: str, time_limit: float | None) -> dict[str, Any]:
    """Return the evaluation once it has ended, with its progress on stderr."""
    live = sys.stderr.isatty() and session.env.get("TERM") != "dumb"
    deadline, pause, before = None if time_limit is None else session.now() + time_limit, FIRST_S, ""
    while True:
        found: dict[str, Any] = session.get(f"{EVALUATIONS}/{evaluation_id}")
        line = _progress(found)
        if line != before:
            click.echo(f"\r\x1b[K{line}" if live else line, err=True, nl=not live)
        before, over = line, found["state"] in _ENDED and (found["state"] != "succeeded" or found["report"])
        if live and over:
            click.echo("", err=True)
        if over:
            return found
        if deadline is not None and session.now() + pause > deadline:
            fix = f"it continues; read it by `agentctl api GET {EVALUATIONS}/{evaluation_id}`"
            raise CliError(f"evaluation {evaluation_id} is still {found['state']}", fix, TIME_LIMIT)
        session.sleep(pause)
        pause = min(LONGEST_S, pause * GROWTH)


def _progress(found: Mapping[str, Any]) -> str:
    progress = found["progress"]
    failed = f", {progress['failed']} failed" if progress["failed"] else ""
    return f"{found['state']}: {progress['done']} of {progress['total']} answers{failed}, {usd(found['cost_usd'])}"


def _show(session: Session, found: Mapping[str, Any]) -> None:
    report = found["report"]
    session.rows(found, report["versions"], _VERSIONS, "version")
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


def _decide(found: Mapping[str, Any]) -> None:
    """Raise ``CliError`` when the version did not hold what was asked of it."""
    if found["passed"] is False:
        raise CliError("; ".join(found["failures"]), "see the report above", FAILED)


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise CliError(f"cannot write {file}: {exc.strerror}", "choose another file", USAGE) from exc
