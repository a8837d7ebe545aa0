"""``--wait`` and ``--timeout`` of commands that start or end runs."""

from collections.abc import Callable
from typing import Any

import click

from agentflow.cli.follow import follow_and_end
from agentflow.cli.options import DURATION
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ACCEPTED


def wait_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options."""
    for option in (
        click.option("--timeout", type=DURATION, help="With --wait: stop waiting after this time, exit code 6."),
        click.option("--wait", is_flag=True, help="Wait for the end of the run; show its steps meanwhile."),
    ):
        function = option(function)
    return function


def accepted(session: Session, run: dict[str, Any], *, wait: bool, timeout: float | None) -> None:
    """Print an accepted run, or follow it to its end."""
    if not wait:
        session.one(run, ACCEPTED)
        return
    session.note(f"run {run['id']}")
    follow_and_end(session, run["id"], timeout)
