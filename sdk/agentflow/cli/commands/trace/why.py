"""``agentctl trace why``: why a run failed, or what the failed runs of a time share."""

import click

from agentflow.cli import output
from agentflow.cli.api import at
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.units import moment
from agentflow.cli.views.comparisons import cause_lines, causes_lines
from agentflow.cli.views.traces import TRACES


@make(None, "why", formats=output.FORMATS, example="agentctl trace why --last 1h --workflow document_analysis")
@click.argument("run", required=False)
@click.option("--last", metavar="TIME", help="Instead of a run: the failed ones since then, such as 1h.")
@click.option("--workflow", metavar="NAME", help="With --last: runs of this workflow.")
@click.option("--confirm", is_flag=True, help="Replay RUN without the cause, and say if it ends well then.")
@click.option("--tools", metavar="FILE", help="With --confirm: a Python file whose @function functions are called.")
def command(
    session: Session, run: str | None, *, last: str | None, workflow: str | None, confirm: bool, tools: str | None
) -> None:
    """Say why RUN failed: the step where it began, what happened there, and on what that rests.

    It is unknown rather than guessed. With --last, say what the failed runs of a workflow share that others have not.
    """
    if (confirm or tools) and run is None:
        raise CliError("there is no run to replay", "give RUN with --confirm", USAGE)
    if tools and not confirm:
        raise CliError("--tools has functions for a replay", "give --confirm, too", USAGE)
    if run is not None and last is None and workflow is None:
        found, shown = session.get(at(TRACES, run, "cause")), cause_lines
        if confirm and found["cause"] is not None:
            from agentflow.cli.replays.confirming import confirmed

            found["confirmed"] = confirmed(session, found, tools)
    elif run is None and last is not None and workflow is not None:
        body = {"workflow": workflow, "since": moment(last)}
        found, shown = session.send("POST", at(TRACES, "causes"), body), causes_lines
    else:
        raise CliError("there is no run", "agentctl trace why RUN, or --last 1h --workflow NAME", USAGE)
    if session.format in {"table", "wide"}:
        click.echo("\n".join(shown(found)))
    else:
        session.one(found, ())
