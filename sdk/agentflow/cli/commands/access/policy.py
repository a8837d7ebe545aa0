"""``agentctl policy``."""

from pathlib import Path
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import Entry, LazyGroup, OneOf
from agentflow.cli.options import command as make
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

POLICIES = "/api/v1/policies"
ACTIVE = f"{POLICIES}/active"
_LIST = (
    Column("NAME", "name"),
    Column("NEWEST", "newest", right=True),
    Column("VERSIONS", "versions", right=True),
    Column("ACTIVE", "active"),
    Column("AGE", "created_at", ago, right=True),
)
_VERSION = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("HASH", "hash", lambda text: text[:12]),
    Column("BY", "created_by"),
    Column("AGE", "created_at", ago, right=True),
)
_ACTIVATION = (
    Column("NUMBER", "number", right=True),
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("MODE", "mode"),
    Column("BY", "activated_by"),
    Column("AGE", "activated_at", ago, right=True),
)

_GLASS = click.option(
    "--break-glass", metavar="REASON", help="Do it although a rule at admin denies it. The reason is in the audit log."
)

command = LazyGroup(
    name="policy",
    # They load the server's rules, which takes longer than other commands.
    entries={
        "check": Entry("access.policy_checking", "Check a file of a policy, without a server."),
        "test": Entry("access.policy_testing", "Run the tests in a file of a policy, without a server."),
    },
    help="Check, test, store and activate policies: what calls, outputs and readers may do by the labels of data.",
    no_args_is_help=True,
)


@make(command, "apply", changes=True, example="agentctl policy apply support.yaml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def apply(session: Session, file: str) -> None:
    """Store the policy of FILE, YAML or JSON, as its next version. It decides nothing before it is activated."""
    session.one(session.change("POST", POLICIES, {"document": _text(file)}), _VERSION)


@make(command, "list")
def list_policies(session: Session) -> None:
    """List policies, and which version of which is active."""
    found = session.get(POLICIES)
    active = found["active"]
    for one in found["policies"]:
        is_active = active is not None and active["name"] == one["name"]
        one["active"] = f"{active['version']} ({active['mode']})" if is_active else ""
    session.rows(found, found["policies"], _LIST, "name")


@make(command, "show", example="agentctl policy show support@3 -o yaml")
@click.argument("policy")
def show(session: Session, policy: str) -> None:
    """Show a version with its document (NAME@VERSION), or the versions of a policy (NAME); -o yaml has all of it."""
    name, _, version = policy.partition("@")
    if version:
        session.one(session.get(at(POLICIES, name, "versions", version)), _VERSION)
    else:
        found = session.get(at(POLICIES, name))
        session.rows(found, found["versions"], _VERSION, "version")


@make(command, "active")
def active(session: Session) -> None:
    """Show the activations, the newest first: that one counts for new runs."""
    found = session.get(ACTIVE)
    if found["active"] is None:
        session.note("no policy is active")
    session.rows(found, found["history"], _ACTIVATION, "number")


@make(command, "activate", changes=True, example="agentctl policy activate support@3 --mode shadow")
@click.argument("policy")
@click.option("--mode", type=OneOf(("shadow", "enforce")), required=True, help="Record only, or decide.")
@_GLASS
def activate(session: Session, policy: str, mode: str, *, break_glass: str | None) -> None:
    """Let POLICY (NAME@VERSION) decide for runs that are submitted from now on. An earlier version rolls back."""
    name, version = _named(policy)
    found = session.change(
        "POST", at(POLICIES, name, "activate"), {"version": version, "mode": mode}, **_glass(break_glass)
    )
    _say(session, found)


@make(command, "deactivate", changes=True)
@_GLASS
def deactivate(session: Session, break_glass: str | None) -> None:
    """Let no policy decide for runs that are submitted from now on. Runs that have one keep it."""
    session.change("DELETE", ACTIVE, **_glass(break_glass))
    session.note("no policy is active for new runs")


def _glass(reason: str | None) -> dict[str, Any]:
    return {} if reason is None else {"params": {"break_glass": reason}}


def _say(session: Session, found: Any) -> None:
    if found is not None:
        session.one(found["active"], _ACTIVATION)


def _named(policy: str) -> tuple[str, int]:
    name, _, version = policy.partition("@")
    if not name or not version.isascii() or not version.isdigit():
        raise CliError(f"{policy!r} names no version", "write NAME@VERSION, such as support@3", USAGE)
    return name, int(version)


def _text(file: str) -> str:
    if file == "-":
        return click.get_text_stream("stdin").read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CliError(f"{file} cannot be read: {exc}", "give a file with a policy in YAML or JSON", USAGE) from exc
