"""``agentctl prompt``: which share of live answers is scored, and what they were worth."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.commands.prompts.scorers import scorers_of
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment, version_or_label

_POLICY = (
    Column("PROMPT", "prompt"),
    Column("SAMPLE", "sample", right=True),
    Column("VERSION", "version"),
    Column("SCORERS", "scorers"),
    Column("JUDGE", "judge"),
    Column("CHANGED BY", "changed_by"),
    Column("CHANGED", "changed_at"),
)
_SCORES = (
    Column("VERSION", "version", right=True),
    Column("SCORER", "scorer"),
    Column("MEAN", "mean", right=True),
    Column("SCORED", "scored", right=True),
    Column("FAILED", "failed", right=True),
    Column("CALIBRATED", "calibrated", wide=True),
)


@make(None, "scoring", changes=True, example="agentctl prompt scoring greeter --sample 0.1 --scorer latency:2000")
@click.argument("name")
@click.option("--sample", type=click.FloatRange(0, 1), help="The share of live answers that is scored.")
@click.option("--scorer", "scorers", multiple=True, metavar="KIND[:TEXT]", help="contains:TEXT; JSON, or @file.")
@click.option("--version", metavar="VERSION|LABEL", help="Only answers of this version.")
@click.option("--judge-day", metavar="CENTS", help="What a judge may spend within 24 hours; llm_judge needs it.")
@click.option("--judge-call", metavar="CENTS", help="What it may spend on one answer.")
@click.option("--calibration", metavar="ID", help="The evaluation whose labels calibrate the judge.")
@click.option("--off", is_flag=True, help="Score no live answers any more.")
def scoring(
    session: Session,
    name: str,
    *,
    sample: float | None,
    scorers: tuple[str, ...],
    version: str | None,
    off: bool,
    **judge: str | None,
) -> None:
    """Show how live answers of the prompt NAME are scored; with options change it."""
    path = at(PROMPTS, name, "scoring")
    if off:
        session.change("DELETE", path)
        session.note(f"live answers of {name} are no longer scored")
        return
    named = {key: value for key, value in judge.items() if value is not None}
    if sample is None and not scorers and version is None and not named:
        session.one(session.get(path), _POLICY, "prompt")
        return
    if sample is None or not scorers:
        raise CliError("a share or the scorers are missing", "give --sample 0.1 and --scorer latency:2000", USAGE)
    body: dict[str, Any] = {"sample": sample, "scorers": scorers_of(scorers)}
    if version is not None:
        body["version"] = version_or_label(version)
    if named:
        names = {"judge_day": "cents_per_day", "judge_call": "cents_per_call", "calibration": "calibration"}
        body["judge"] = {names[key]: value for key, value in named.items()}
    session.one(session.change("PUT", path, body), _POLICY, "prompt")


@make(None, "scores", watch=True, example="agentctl prompt scores greeter --since 1d")
@click.argument("name")
@click.option("--since", metavar="TIME", help="Scored since then: 1d, or RFC 3339; seven days by default.")
def scores(session: Session, name: str, *, since: str | None) -> None:
    """List the means of live scores of the prompt NAME, by version and scorer."""

    def show() -> None:
        found = session.get(at(PROMPTS, name, "scores"), since=moment(since))
        session.rows(found, found["scores"], _SCORES, "scorer")

    session.repeat(show)


COMMANDS = (scoring, scores)
