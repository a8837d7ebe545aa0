"""``agentctl prompt deploy``: a version for an environment, at once or by a rollout that statistics decide."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.commands.prompts import PROMPTS
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import pairs, version_or_label
from agentflow.cli.views.rollouts import ONE, code_of, follow, show, until

_METRICS = ("score", "errors", "cost", "latency")
_TIMES = {"step_time": "step_ms", "min_time": "least_ms", "max_time": "most_ms"}
_RUNS = {"step_runs": "step_runs", "min_runs": "least_runs"}


@make(
    None,
    "deploy",
    changes=True,
    example="agentctl prompt deploy greeter@4 --env production --steps 1%,10%,50% --entity input.user_id --follow",
)
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--env", "environment", default="production", show_default=True, help="The label that names it then.")
@click.option("--canary", metavar="SHARE", help="Give the version this share of the runs, such as 10%.")
@click.option("--steps", metavar="SHARES", help="Shares that rise, such as 1%,10%,50%.")
@click.option("--ab", is_flag=True, help="Promote it only if its score is better.")
@click.option("--shadow", is_flag=True, help="Call it as well as the stable version, whose answers are used.")
@click.option("--all", "at_once", is_flag=True, help="Deploy it to all runs at once.")
@click.option("--entity", metavar="PATH", help="Runs with the same input get the same version: input.user_id.")
@click.option("--metric", "metrics", multiple=True, type=OneOf(_METRICS), help="What is judged; by default all four.")
@click.option("--margin", "margins", multiple=True, metavar="METRIC=NUMBER", help="The harm a promotion must exclude.")
@click.option("--step-runs", type=click.IntRange(1), help="Canary runs before the next step.")
@click.option("--step-time", type=DURATION, help="The shortest time of a step.")
@click.option("--min-runs", type=click.IntRange(1), help="Runs of each version before a promotion.")
@click.option("--min-time", type=DURATION, help="The shortest time before a promotion.")
@click.option("--max-time", type=DURATION, help="What is undecided then ends with stable.")
@click.option("--message", metavar="TEXT", help="Why it is deployed.")
@click.option("--yes", is_flag=True, help="Do not ask before --all.")
@click.option("--follow", "follows", is_flag=True, help="Show the statistics until it is decided.")
@click.option("--time-limit", type=DURATION, help="With --follow: stop waiting after that; the rollout continues.")
def command(
    session: Session,
    name: str,
    *,
    environment: str,
    yes: bool,
    follows: bool,
    time_limit: float | None,
    metrics: Sequence[str],
    margins: Sequence[str],
    entity: str | None,
    message: str | None,
    **given: Any,
) -> None:
    """Deploy VERSION of the prompt NAME, or the one that a label names; the newest by default.

    Without --all it is a rollout: the version gets a share of the runs, and tests that hold at every look decide if it
    stays. With --follow the exit code is 0 if it was promoted, and 1 if not.
    """
    prompt, _, which = name.partition("@")
    body: dict[str, Any] = {
        "version": version_or_label(which) if which else None,
        "environment": environment,
        **_shares(given),
        "entity": entity,
        "metrics": list(metrics) or None,
        "rules": _rules(margins),
        "message": message,
        **_numbers(given),
    }
    if given["at_once"] and not yes and sys.stdin.isatty() and not session.given.get("dry-run"):
        click.confirm(f"Give all runs of {environment} {name} at once?", abort=True, err=True)
    sent = {key: one for key, one in body.items() if one is not None}
    made = session.change("POST", at(PROMPTS, prompt, "deployments"), sent)
    if not follows:
        session.one(until(session, made["id"], _is_over) if made["mode"] == "all" else made, ONE)
        return
    found = follow(session, made["id"], time_limit)
    show(session, found)
    raise click.exceptions.Exit(code_of(found))


def _is_over(one: Mapping[str, Any]) -> bool:
    return bool(one["status"] != "running")


def _shares(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return mode and steps. Raises ``CliError`` for options that exclude each other."""
    modes = [mode for mode, option in (("ab", "ab"), ("shadow", "shadow"), ("all", "at_once")) if given[option]]
    shares = [option for option in ("canary", "steps") if given[option] is not None]
    if len(modes) > 1 or len(shares) > 1:
        names = " and ".join(f"--{one}" for one in (modes if len(modes) > 1 else shares))
        raise CliError(f"{names} exclude each other", "give one of them", USAGE)
    if shares and modes and modes[0] != "ab":
        raise CliError(f"--{modes[0]} has no --{shares[0]}", f"leave --{shares[0]} out", USAGE)
    mode = modes[0] if modes else "canary" if shares else None
    return {"mode": mode, "steps": [share(one) for one in given[shares[0]].split(",")] if shares else None}


def share(text: str) -> float:
    """Return a share from 0 to 1 of ``10%`` or ``0.1``."""
    number = text.strip()
    try:
        found = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1:
        raise CliError(f"{number!r} is no share", "write 10% or 0.1, above 0 and at most 100%", USAGE)
    return round(found, 9)


def _rules(margins: Sequence[str]) -> dict[str, Any] | None:
    found = {}
    for metric, number in pairs(margins, "--margin").items():
        if metric not in _METRICS:
            raise CliError(f"--margin names {metric!r}", f"name one of {', '.join(_METRICS)}", USAGE)
        found[metric] = {"margin": _margin(metric, number)}
    return found or None


def _margin(metric: str, text: str) -> float:
    with suppress(ValueError):
        if isfinite(found := float(text)) and found >= 0:
            return found
    raise CliError(f"--margin {metric}={text} is no harm", f"write a number from 0 on: --margin {metric}=0.05", USAGE)


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    times = {field: round(given[option] * 1000) for option, field in _TIMES.items() if given[option] is not None}
    return times | {field: given[option] for option, field in _RUNS.items() if given[option] is not None}
