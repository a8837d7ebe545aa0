"""Restart, fork, signal, update, approve and refuse."""

import json
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.commands.workflows.waiting_options import accepted, wait_options
from agentflow.cli.options import command
from agentflow.cli.session import Session
from agentflow.cli.units import json_object, json_value
from agentflow.cli.views.runs import RUNS

_SIGNALED = (
    Column("RUN", "id"),
    Column("SIGNAL", "signal"),
    Column("SIGNAL ID", "signal_id"),
    Column("STATUS", "status"),
)


@command(None, "restart", changes=True, example="agentctl workflow restart 0eecbc4e-… --from analyze --wait")
@click.argument("run")
@click.option("--from", "node", metavar="NODE", help="Execute this node and all after it; else what did not succeed.")
@click.option("--idempotency-key", metavar="KEY", help="The same key is the same new run.")
@wait_options
def restart(
    session: Session, run: str, *, node: str | None, idempotency_key: str | None, wait: bool, timeout: float | None
) -> None:
    """Execute a part of the ended run RUN again, as a new run."""
    found = session.change("POST", at(RUNS, run, "restart"), {"from": node} if node else None, key=idempotency_key)
    accepted(session, found, wait=wait, timeout=timeout)


@command(
    None, "fork", changes=True, example="""agentctl workflow fork 0eecbc4e-… --inputs '{"document_key": "b.txt"}'"""
)
@click.argument("run")
@click.option("--inputs", metavar="JSON", help="Inputs that replace those of RUN: JSON, @file, or - for stdin.")
@click.option("--from", "node", metavar="NODE", help="Reuse the results of all nodes that do not come after this one.")
@click.option("--idempotency-key", metavar="KEY", help="The same key is the same new run.")
@wait_options
def fork(
    session: Session,
    run: str,
    *,
    inputs: str | None,
    node: str | None,
    idempotency_key: str | None,
    wait: bool,
    timeout: float | None,
) -> None:
    """Run RUN again with other inputs, as a new run."""
    body: dict[str, Any] = {"inputs": json_object(inputs, "--inputs")} | ({"from": node} if node else {})
    found = session.change("POST", at(RUNS, run, "fork"), body, key=idempotency_key)
    accepted(session, found, wait=wait, timeout=timeout)


@command(None, "signal", changes=True, example="""agentctl workflow signal 0eecbc4e-… approval --data '{"ok": true}'""")
@click.argument("run")
@click.argument("name")
@click.option("--data", metavar="JSON", default="null", help="Any JSON value, @file, or - for stdin.")
@click.option("--idempotency-key", metavar="KEY", help="A run takes a signal with this key once.")
def signal(session: Session, run: str, name: str, *, data: str, idempotency_key: str | None) -> None:
    """Send the signal NAME to RUN. Its data become the output of the step that waits for it."""
    value = json_value(data, "--data")
    # As a document: a body of null is one, too.
    found = session.change(
        "POST", at(RUNS, run, "signals", name), value, document=json.dumps(value), key=idempotency_key
    )
    session.one(found, _SIGNALED)


_UPDATED = (
    Column("RUN", "id"),
    Column("UPDATE", "update"),
    Column("STATE", "state"),
    Column("STEP", "step"),
    Column("UPDATE ID", "update_id"),
    Column("OUTPUT", "output"),
    Column("ERROR", "error.message"),
)


@command(None, "update", changes=True, example="""agentctl workflow update 0eecbc4e-… address --data '{"zip": 1}'""")
@click.argument("run")
@click.argument("name")
@click.option("--data", metavar="JSON", default="null", help="Any JSON value, @file, or - for stdin.")
@click.option("--timeout-ms", type=click.IntRange(0, 60_000), default=10_000, show_default=True, help="Wait so long.")
@click.option("--idempotency-key", metavar="KEY", help="A run takes an update with this key once.")
def update(session: Session, run: str, name: str, *, data: str, timeout_ms: int, idempotency_key: str | None) -> None:
    """Send the signal NAME to RUN, and print the output of the node that answers it."""
    value = json_value(data, "--data")
    found = session.change(
        "POST",
        at(RUNS, run, "updates", name),
        value,
        document=json.dumps(value),
        key=idempotency_key,
        params={"timeout_ms": timeout_ms},
    )
    session.one(found, _UPDATED)


_ANSWERED = (
    Column("RUN", "id"),
    Column("STEP", "step"),
    Column("APPROVE", "approve"),
    Column("ASKED", "asked"),
)


@command(None, "approve", changes=True, example="agentctl workflow approve 0eecbc4e-… mail")
@click.argument("run")
@click.argument("step")
@click.option("--question", metavar="ID", help="The question that was shown; another one is not answered.")
@click.option("--idempotency-key", metavar="KEY", help="A run takes an answer with this key once.")
def approve(session: Session, run: str, step: str, *, question: str | None, idempotency_key: str | None) -> None:
    """Let STEP of RUN call its tool as it asks to."""
    _answer(session, run, {"step": step, "approve": True}, question, idempotency_key)


@command(None, "refuse", changes=True, example="agentctl workflow refuse 0eecbc4e-… mail")
@click.argument("run")
@click.argument("step")
@click.option("--question", metavar="ID", help="The question that was shown; another one is not answered.")
@click.option("--idempotency-key", metavar="KEY", help="A run takes an answer with this key once.")
def refuse(session: Session, run: str, step: str, *, question: str | None, idempotency_key: str | None) -> None:
    """Refuse the call that STEP of RUN asks for; the step fails with `policy_denied`."""
    _answer(session, run, {"step": step, "approve": False}, question, idempotency_key)


def _answer(session: Session, run: str, body: dict[str, Any], question: str | None, key: str | None) -> None:
    said = body | ({"question": question} if question else {})
    session.one(session.change("POST", at(RUNS, run, "approvals"), said, key=key), _ANSWERED)


COMMANDS = (restart, fork, signal, update, approve, refuse)
