"""``agentctl trace diff``: two runs, or the runs before and after a time, compared."""

from typing import Any

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment
from agentflow.cli.views.comparisons import diff_lines, group_lines
from agentflow.cli.views.traces import TRACES


@make(None, "diff", formats=output.FORMATS, example="agentctl trace diff RUN RUN --costs --latency --outputs")
@click.argument("a", required=False)
@click.argument("b", required=False)
@click.option("--costs", is_flag=True, help="Add what each step cost, and why one run cost more.")
@click.option("--latency", is_flag=True, help="Add how long each step took and waited.")
@click.option("--outputs", is_flag=True, help="Add what the steps that differ gave.")
@click.option("--workflow", metavar="NAME", help="Instead of two runs: those of a workflow, before and after --at.")
@click.option("--at", "split", metavar="TIME", help="The time between the groups, such as that of a deploy: 2h.")
@click.option("--since", default="7d", show_default=True, metavar="TIME", help="How far back the first group begins.")
def command(
    session: Session,
    a: str | None,
    b: str | None,
    *,
    costs: bool,
    latency: bool,
    outputs: bool,
    workflow: str | None,
    split: str | None,
    since: str,
) -> None:
    """Compare runs A and B, by their ids or those of traces: where they part first, why, and what follows.

    With --workflow and --at, compare its runs before and after a time: which nodes differ by more than luck.
    """
    body = _body(a, b, workflow, split, since) | ({"outputs": True} if outputs else {})
    found = session.send("POST", at(TRACES, "diff"), body)
    if session.format not in {"table", "wide"}:
        session.one(found, ())
    elif found["runs"] is None:
        click.echo("\n".join(group_lines(found)))
    else:
        click.echo("\n".join(diff_lines(found, costs=costs, latency=latency, outputs=outputs)))


def _body(a: str | None, b: str | None, workflow: str | None, split: str | None, since: str) -> dict[str, Any]:
    if a is not None and b is not None and workflow is None and split is None:
        return {"a": a, "b": b}
    if a is None and workflow is not None and split is not None:
        group = {"workflow": workflow}
        return {"a": {**group, "since": moment(since), "until": moment(split)}, "b": {**group, "since": moment(split)}}
    raise CliError("there are not two runs", "agentctl trace diff RUN RUN, or --workflow NAME --at TIME", USAGE)
