"""Runs: list, get, logs, cancel, waiting, wait and watch."""

import json
from collections.abc import Mapping
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.columns import Column, printable
from agentflow.cli.follow import follow, follow_and_end, follow_answers
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION, command, page_options
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.units import moment, pairs, usd
from agentflow.cli.views.runs import ENDED, LIST, ONE, RUNS, STEPS, model, note, sorted_by_start

STATUSES = ("queued", "running", "succeeded", "failed", "canceled")
#: Each look of `logs --follow` reads every step.
_LOOK_S = 1.0
_WAITING = (
    Column("RUN", "run_id"),
    Column("STEP", "id"),
    Column("WAITS FOR", "waiting.kind"),
    Column("ON", "waiting.on"),
    Column("UNTIL", "waiting.until"),
    Column("DETAIL", "waiting.detail"),
)


@command(None, "list", watch=True, example="agentctl workflow list --status running --since 1h")
@click.option("--status", type=OneOf(STATUSES), help="Only runs in this state.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only runs with this tag. Repeatable.")
@click.option("--since", metavar="TIME", help="Submitted since: 1h, 7d, or a time with a zone.")
@click.option("--until", metavar="TIME", help="Submitted before.")
@click.option("--project", metavar="ID", help="Only runs of this project.")
@click.option("--parent", metavar="RUN", help="Only runs that this run started.")
@page_options
def list_runs(
    session: Session,
    *,
    status: str | None,
    workflow: str | None,
    tags: tuple[str, ...],
    since: str | None,
    until: str | None,
    project: str | None,
    parent: str | None,
    limit: int,
) -> None:
    """List runs, newest first."""
    params = {
        "status": status,
        "workflow": workflow,
        "tag": [f"{key}:{value}" for key, value in pairs(tags, "--tag").items()] or None,
        "since": moment(since),
        "until": moment(until),
        "project": project,
        "parent_run_id": parent,
    }

    def show() -> None:
        found = list(pages(session, RUNS, "runs", params, limit))
        session.rows({"runs": found}, found, LIST)

    session.repeat(show)


@command(None, "get", watch=True, example="agentctl workflow get 0eecbc4e-… -o json")
@click.argument("run")
@click.option("--outputs", is_flag=True, help="With the outputs of its steps.")
def get(session: Session, run: str, *, outputs: bool) -> None:
    """Show the run RUN with its steps."""

    def show() -> None:
        found = session.get(at(RUNS, run), step_outputs="true" if outputs else None)
        session.one(found, ONE)
        if session.format in {"table", "wide"} and found.get("steps"):
            click.echo()
            output.emit(output.Shown(found, found["steps"], STEPS), session.format, colour=session.colour)

    session.repeat(show)


@command(None, "logs", formats=("table", "json"), example="agentctl workflow logs 0eecbc4e-… --follow")
@click.argument("run")
@click.option("--follow", "following", is_flag=True, help="Print further lines until the run ends.")
@click.option("--node", help="Only steps of this node.")
def logs(session: Session, run: str, *, following: bool, node: str | None) -> None:
    """Print what the steps of RUN did, a line each in the order of their starts.

    With --follow a step has a line for each state that it is seen in.
    """
    printed: set[str] = set()
    while True:
        ended = session.get(at(RUNS, run))["status"] in ENDED
        steps = pages(session, at(RUNS, run, "steps"), "steps", {"node": node}, 1_000_000)
        for step in sorted_by_start(list(steps)):
            line = json.dumps(step) if session.format == "json" else _line(step)
            if line not in printed:
                printed.add(line)
                click.echo(line)
        if ended or not following:
            return
        session.sleep(_LOOK_S)


def _line(step: Mapping[str, Any]) -> str:
    at_time = step.get("finished_at") or step.get("started_at") or "-"
    cost = usd(step["cost_usd"]) if step.get("cost_usd") not in (None, "0") else ""
    words = (at_time, step["id"], step["status"], f"attempts={step['attempts']}", cost, model(step), note(step))
    return printable("  ".join(str(word) for word in words if word))


@command(None, "cancel", changes=True, example="agentctl workflow cancel 0eecbc4e-… --reason 'wrong inputs'")
@click.argument("runs", nargs=-1, required=True)
@click.option("--reason", help="Why; it is stored with the run.")
@click.option("--wait", is_flag=True, help="Wait for the ends of the runs.")
@click.option("--timeout", type=DURATION, help="With --wait: stop waiting after this time, exit code 6.")
def cancel(session: Session, runs: tuple[str, ...], *, reason: str | None, wait: bool, timeout: float | None) -> None:
    """Request the end of RUNS."""
    for run in runs:
        found = session.change("POST", at(RUNS, run, "cancel"), {"reason": reason} if reason else None)
        if wait:
            found = follow(session, run, timeout)
        session.one(found, ONE)


@command(None, "waiting", watch=True)
@click.argument("runs", nargs=-1, required=True)
def waiting(session: Session, runs: tuple[str, ...]) -> None:
    """Say what RUNS and each of their open steps wait for."""

    def show() -> None:
        found = session.send("POST", f"{RUNS}/waiting", {"ids": list(runs)})
        for unknown in found["unknown"]:
            session.note(f"there is no run {unknown}")
        session.rows(found, [row for run in found["runs"] for row in _waits(run)], _WAITING, "run_id")

    session.repeat(show)


def _waits(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    own = [{"run_id": run["id"], "id": "", "waiting": run["waiting"]}] if run.get("waiting") else []
    return own + [{"run_id": run["id"], **step} for step in run["steps"]]


@command(None, "wait", example="agentctl workflow wait 0eecbc4e-… --timeout 5m && echo done")
@click.argument("run")
@click.option("--timeout", type=DURATION, help="Stop waiting after this time, exit code 6.")
def wait_for(session: Session, run: str, *, timeout: float | None) -> None:
    """Wait for the end of RUN without a word, then print it. The exit code says how it ended."""
    follow_and_end(session, run, timeout, quiet=True)


@command(None, "watch", example="agentctl workflow watch 0eecbc4e-…")
@click.argument("run")
@click.option("--timeout", type=DURATION, help="Stop after this time, exit code 6.")
@click.option("--tokens", is_flag=True, help="Print answers of models as they come instead.")
def watch(session: Session, run: str, *, timeout: float | None, tokens: bool) -> None:
    """Show the steps of RUN until it ends, with attempts and cost. The exit code says how it ended."""
    if tokens:
        if timeout is not None:
            raise click.UsageError("--tokens follows to the end; leave out --timeout")
        follow_answers(session, run)
    follow_and_end(session, run, timeout)


COMMANDS = (list_runs, get, logs, cancel, waiting, wait_for, watch)
