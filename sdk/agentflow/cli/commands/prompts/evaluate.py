"""``agentctl prompt eval``: starts an evaluation, waits for its report, and decides the exit code."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from agentflow.cli.commands.prompts.scorers import scorers_of
from agentflow.cli.errors import FAILED, USAGE, CliError, code_of_run
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import cents, version_or_label
from agentflow.cli.views.evaluations import EVALUATIONS, follow_evaluation, show_report, write_reports

#: Verdicts that end with 1, by ``--fail-on``.
_FAILING = {"worse": ["worse"], "undecided": ["worse", "undecided"]}


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

    The exit code is 0 when the version meets the limits, 1 when it did not, or when the evaluation failed.
    """
    if fail_on is not None and given["against"] is None:
        raise CliError("--fail-on compares two versions", "give --against VERSION", USAGE)
    against = given.pop("against")
    body: dict[str, Any] = {
        "prompt": name,
        "version": None if version is None else version_or_label(version),
        "against": None if against is None else version_or_label(against),
        "scorers": scorers_of(scorers or ("exact",)),
        "fail_on": _FAILING.get(fail_on or ""),
        "budget_cents": _cents(given.pop("budget")),
        "dataset": given.pop("dataset") or name,
        **given,
    }
    made = session.change("POST", EVALUATIONS, {key: one for key, one in body.items() if one is not None})
    found = follow_evaluation(session, made["id"], time_limit)
    if found["state"] != "succeeded":
        error = found.get("error") or found["state"]
        why = f"evaluation {found['id']} is {found['state']}: {error}"
        code = code_of_run("failed", error.partition(":")[0])
        raise CliError(why, f"see `agentctl workflow get {found['run_id']}`", code)
    write_reports(session, found["id"], junit=junit, html=html)
    show_report(session, found)
    _decide(found)


def _cents(budget: str | None) -> str | None:
    return None if budget is None else cents(budget)


def _decide(found: Mapping[str, Any]) -> None:
    """Raise ``CliError`` when the version did not hold what was asked of it."""
    if found["passed"] is False:
        raise CliError("; ".join(found["failures"]), "see the report above", FAILED)
