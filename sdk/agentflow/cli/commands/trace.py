"""``agentctl trace``: what a run did, as its history has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.columns import printable
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group, page_options
from agentflow.cli.paging import pages
from agentflow.cli.runs import LIST, ONE, RUNS, STEPS, sorted_by_start
from agentflow.cli.session import Session
from agentflow.cli.units import moment

_WIDTH = 40

command = group("trace", "Read what a run did, and when.")


@make(command, "get", formats=(*output.FORMATS, "timeline"), example="agentctl trace get 0eecbc4e-… -o timeline")
@click.argument("run")
def get(session: Session, run: str) -> None:
    """Show the steps of RUN in the order of their starts; -o timeline draws them. RUN is the id of a run."""
    if len(run) == 32 and run.isalnum():
        raise CliError(f"{run} is a trace id", "give the id of its run, see `agentctl workflow list`", USAGE)
    found = session.get(at(RUNS, run))
    steps = sorted_by_start(list(pages(session, at(RUNS, run, "steps"), "steps", {}, 1_000_000)))
    if session.format == "timeline":
        click.echo("\n".join(timeline(found, steps)))
        return
    if session.format in {"table", "wide"}:
        session.one(found, ONE)
        click.echo()
    session.rows({**found, "steps": steps}, steps, STEPS)


@make(command, "query", watch=True, example="agentctl trace query --start 1h --end now --status failed")
@click.option("--start", default="1h", show_default=True, metavar="TIME", help="Submitted since: 1h, 7d, or a time.")
@click.option("--end", default="now", show_default=True, metavar="TIME", help="Submitted before.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--status", type=OneOf(("queued", "running", "succeeded", "failed", "canceled")), help="Only this state.")
@page_options
def query(session: Session, *, start: str, end: str, workflow: str | None, status: str | None, limit: int) -> None:
    """List the runs of a time, newest first."""
    params = {"since": moment(start), "until": moment(end), "workflow": workflow, "status": status}

    def show() -> None:
        found = list(pages(session, RUNS, "runs", params, limit))
        session.rows({"runs": found}, found, LIST)

    session.repeat(show)


def timeline(run: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a bar for each step that started, over the time of its run."""
    started = [step for step in steps if step.get("started_at")]
    if not started:
        return [f"run {run['id']}: no step has started"]
    zero = min(_at(step["started_at"]) for step in started)
    ends = [_at(step.get("finished_at") or step["started_at"]) for step in started]
    whole = max(max(ends) - zero, 0.001)
    name = max(len(printable(step["id"])) for step in started)
    rows = [f"run {run['id']}  {run['status']}  {whole:.3f} s"]
    for step, end in zip(started, ends, strict=True):
        start = _at(step["started_at"]) - zero
        left, width = int(start / whole * _WIDTH), max(1, round((end - zero - start) / whole * _WIDTH))
        bar = f"{' ' * min(left, _WIDTH - 1)}{'█' * width}"[:_WIDTH].ljust(_WIDTH)
        rows.append(f"{printable(step['id']).ljust(name)}  {bar}  {start:.3f}-{end - zero:.3f} s  {step['status']}")
    return rows


def _at(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
