"""``agentctl prompt rollout``: where rollouts are, with their statistics, and what people decide by hand."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.commands.prompts.deploy import share
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import DURATION, Function, group, page_options
from agentflow.cli.options import command as make
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.views.rollouts import DEPLOYMENTS, LIST, ONE, code_of, find, follow, show, until

_STATUSES = ("running", "promoted", "rolled_back", "stopped")

command = group("rollout", "See how rollouts of prompts are, with their statistics; decide them by hand.")


def _which(function: Function) -> Function:
    """Add the deployment: a prompt's name or a deployment's id, and its environment."""
    named = click.option("--env", "environment", metavar="LABEL", help="The environment, if NAME has several rollouts.")
    return click.argument("name")(named(function))


def _waiting(function: Function) -> Function:
    """Add ``--no-wait``."""
    return click.option("--no-wait", is_flag=True, help="Do not wait until all roles follow the decision.")(function)


@make(command, "list", watch=True, example="agentctl prompt rollout list --status running")
@click.option("--prompt", metavar="NAME", help="Only rollouts of this prompt.")
@click.option("--env", "environment", metavar="LABEL", help="Only rollouts in this environment.")
@click.option("--status", type=OneOf(_STATUSES), help="Only rollouts with this status.")
@page_options
def list_rollouts(session: Session, *, limit: int, **filters: str | None) -> None:
    """List deployments of prompts, newest first. Start one by `agentctl prompt deploy`."""

    def display() -> None:
        found = list(pages(session, DEPLOYMENTS, "deployments", filters, limit))
        session.rows({"deployments": found}, found, LIST)

    session.repeat(display)


@make(command, "status", watch=True, example="agentctl prompt rollout status greeter --watch")
@_which
def status(session: Session, name: str, *, environment: str | None) -> None:
    """Show a rollout with its statistics, and what it waits for.

    NAME is a prompt, or the id of a deployment.
    """
    session.repeat(lambda: show(session, find(session, name, environment)))


@make(command, "watch", example="agentctl prompt rollout watch greeter")
@_which
@click.option("--time-limit", type=DURATION, help="Stop waiting after that; the rollout continues.")
def watch(session: Session, name: str, *, environment: str | None, time_limit: float | None) -> None:
    """Show the statistics as they change, until it is decided.

    The exit code is 0 if the new version was promoted, and 1 if it was not.
    """
    found = follow(session, find(session, name, environment)["id"], time_limit)
    show(session, found)
    raise click.exceptions.Exit(code_of(found))


@make(command, "promote", changes=True, example="agentctl prompt rollout promote greeter")
@_which
@_waiting
def promote(session: Session, name: str, *, environment: str | None, no_wait: bool) -> None:
    """Give all runs the new version.

    It wins over the statistics, whatever they say or said.
    """
    _decide(session, find(session, name, environment), "promote", "promoted", no_wait=no_wait)


@make(command, "rollback", changes=True, example="agentctl prompt rollout rollback greeter")
@_which
@_waiting
def rollback(session: Session, name: str, *, environment: str | None, no_wait: bool) -> None:
    """Give all runs the stable version again.

    It wins over the statistics, whatever they say or said.
    """
    _decide(session, find(session, name, environment), "rollback", "rolled_back", no_wait=no_wait)


@make(command, "stop", changes=True, example="agentctl prompt rollout stop greeter")
@_which
@_waiting
def stop(session: Session, name: str, *, environment: str | None, no_wait: bool) -> None:
    """End a rollout without a verdict.

    All runs get the stable version.
    """
    _decide(session, find(session, name, environment), "stop", "stopped", no_wait=no_wait)


@make(command, "step", changes=True, example="agentctl prompt rollout step greeter 50%")
@_which
@click.argument("step_share", metavar="SHARE")
@_waiting
def step(session: Session, name: str, step_share: str, *, environment: str | None, no_wait: bool) -> None:
    """Move a rollout to a later step now.

    SHARE names a step of its plan.
    """
    wanted, one = share(step_share), find(session, name, environment)
    _send(session, one, "step", {"share": wanted}, None if no_wait else partial(_has, wanted))


def _has(share: float, one: Mapping[str, Any]) -> bool:
    return bool(one["share"] >= share or one["status"] != "running")


def _is(status: str, one: Mapping[str, Any]) -> bool:
    return bool(one["status"] == status)


def _decide(session: Session, one: Mapping[str, Any], action: str, status: str, *, no_wait: bool) -> None:
    _send(session, one, action, None, None if no_wait else partial(_is, status))


def _send(
    session: Session,
    one: Mapping[str, Any],
    action: str,
    body: dict[str, Any] | None,
    applied: Callable[[Mapping[str, Any]], bool] | None,
) -> None:
    """Send what is decided by hand, and print the deployment once it is ``applied``."""
    sent = session.change("POST", at(DEPLOYMENTS, one["id"], action), body)
    session.one(sent if applied is None else until(session, one["id"], applied), ONE)
