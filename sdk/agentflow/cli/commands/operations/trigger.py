"""``agentctl trigger``."""

from dataclasses import replace
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column, Show
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import json_value, pairs
from agentflow.cli.views.runs import ago

TRIGGERS = "/api/v1/triggers"


def _from(one: dict[str, Any]) -> str:
    topic, webhook = one["topic"], one["webhook"]
    return f"{topic['name']} ({topic['format']})" if topic else f"webhook ({webhook['scheme']})"


def _sum(name: str) -> Show:
    def total(one: dict[str, Any]) -> str:
        positions = one["topic"]["positions"] if one["topic"] else []
        return str(sum(position[name] for position in positions)) if positions else ""

    return total


_LIST = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("FROM", "", _from),
    Column("WORKFLOW", "workflow_name"),
    Column("STATE", "", lambda one: "paused" if one["paused"] else "waits" if one["problem"] else "active"),
    Column("LAG", "", _sum("lag"), right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("SUBMITTED", "", _sum("submitted"), right=True, wide=True),
    Column("FILTERED", "", _sum("filtered"), right=True, wide=True),
    Column("REFUSED", "", _sum("refused"), right=True, wide=True),
    Column("PROBLEM", "problem", wide=True),
)
_SHOWN = tuple(replace(column, wide=False) for column in _LIST)
_SECRET = (*_LIST[:3], Column("ADDRESS", "address"), Column("SECRET", "secret"))
_TRIED = (
    Column("FILTERED", "filtered", lambda value: "yes" if value else "no"),
    Column("INPUTS", "inputs", str),
    Column("SOURCE", "source"),
    Column("ID", "submission_id"),
    Column("RUN", "run_id"),
)
_PAIR = "NAME=EXPRESSION"

command = group("trigger", "Submit runs by requests and topics of other systems.")


@make(
    command,
    "create",
    changes=True,
    example="agentctl trigger create orders document_analysis --topic orders --input document_key=payload.key",
)
@click.argument("name")
@click.argument("workflow")
@click.option("--input", "inputs", multiple=True, metavar=_PAIR, help="An input, and a CEL expression for its value.")
@click.option("--topic", help="The topic whose records submit runs.")
@click.option("--format", "form", type=OneOf(("json", "avro", "protobuf")), help="The format of the topic's records.")
@click.option("--start", type=OneOf(("now", "earliest")), help="Where reading begins; from now on without it.")
@click.option(
    "--webhook", "scheme", type=OneOf(("url", "standard", "github", "stripe")), help="Take requests, signed so."
)
@click.option("--secret-file", type=click.File("r"), help="The secret that the sender signs with; - reads stdin.")
@click.option("--cloudevents", is_flag=True, help="Each request is a CloudEvent: its source and id name the run.")
@click.option("--filter", "filter_", help="A CEL expression; what it is false for submits nothing.")
@click.option("--idempotency", help="A CEL expression; two with the same value are one run.")
@click.option("--source", help="A CEL expression; with the other one it names the run on every door.")
@click.option("--paused", is_flag=True, help="Take nothing until it is resumed.")
def create(
    session: Session,
    *,
    name: str,
    workflow: str,
    inputs: tuple[str, ...],
    topic: str | None,
    form: str | None,
    start: str | None,
    scheme: str | None,
    secret_file: Any,
    cloudevents: bool,
    filter_: str | None,
    idempotency: str | None,
    source: str | None,
    paused: bool,
) -> None:
    """Create the trigger NAME for WORKFLOW, and show its address and secret, this once."""
    if (topic is None) == (scheme is None):
        raise click.UsageError("give either --topic or --webhook")
    body: dict[str, object] = {"name": name, "workflow_name": workflow, "inputs": pairs(inputs, "--input")}
    if cloudevents and scheme is None:
        raise click.UsageError("--cloudevents is of webhooks; records name theirs by --source and --idempotency")
    given = {"filter": filter_, "idempotency": idempotency, "source": source, "paused": paused or None}
    body |= {field: value for field, value in given.items() if value is not None}
    if topic is not None:
        how = {"name": topic, "format": form, "start": start}
        body["topic"] = {field: value for field, value in how.items() if value is not None}
    else:
        secret = secret_file.read().strip() if secret_file is not None else None
        more: dict[str, object] = {"cloudevents": True} if cloudevents else {}
        body["webhook"] = {"scheme": scheme} | more | ({"secret": secret} if secret else {})
    session.one(session.change("POST", TRIGGERS, body), _SECRET)


@make(command, "list", watch=True)
def list_triggers(session: Session) -> None:
    """List triggers."""

    def show() -> None:
        found = session.get(TRIGGERS)
        session.rows(found, found["triggers"], _LIST)

    session.repeat(show)


@make(command, "show")
@click.argument("trigger")
def show_trigger(session: Session, trigger: str) -> None:
    """Show TRIGGER."""
    session.one(session.get(at(TRIGGERS, trigger)), _SHOWN)


@make(command, "change", changes=True)
@click.argument("trigger")
@click.option("--input", "inputs", multiple=True, metavar=_PAIR, help="Replaces all inputs.")
@click.option("--filter", "filter_", help="A CEL expression; what it is false for submits nothing.")
@click.option("--idempotency", help="A CEL expression; two with the same value are one run.")
@click.option("--source", help="A CEL expression; with the other one it names the run on every door.")
@click.option("--workflow", help="The workflow that runs from now on.")
def change(
    session: Session,
    *,
    trigger: str,
    inputs: tuple[str, ...],
    filter_: str | None,
    idempotency: str | None,
    source: str | None,
    workflow: str | None,
) -> None:
    """Change TRIGGER."""
    given = {
        "inputs": pairs(inputs, "--input") or None,
        "filter": filter_,
        "idempotency": idempotency,
        "source": source,
        "workflow_name": workflow,
    }
    body = {name: value for name, value in given.items() if value is not None}
    session.one(session.change("PATCH", at(TRIGGERS, trigger), body), _SHOWN)


@make(command, "pause", changes=True)
@click.argument("trigger")
def pause(session: Session, trigger: str) -> None:
    """Take nothing by TRIGGER for now."""
    session.one(session.change("PATCH", at(TRIGGERS, trigger), {"paused": True}), _SHOWN)


@make(command, "resume", changes=True)
@click.argument("trigger")
def resume(session: Session, trigger: str) -> None:
    """Take by TRIGGER again; a topic is read on from where it was."""
    session.one(session.change("PATCH", at(TRIGGERS, trigger), {"paused": False}), _SHOWN)


@make(command, "rotate", changes=True)
@click.argument("trigger")
@click.option("--overlap", "overlap_s", type=click.IntRange(0, 7 * 86_400), default=86_400, show_default=True,
              help="For so many seconds the secret before is good, too.")  # fmt: skip
@click.option("--secret-file", type=click.File("r"), help="The secret that the sender made; - reads stdin.")
def rotate(session: Session, *, trigger: str, overlap_s: int, secret_file: Any) -> None:
    """Make a new secret for TRIGGER, or a new address for one without signatures, and show it, this once."""
    body: dict[str, object] = {"overlap_s": overlap_s}
    body |= {"secret": secret_file.read().strip()} if secret_file is not None else {}
    session.one(session.change("POST", at(TRIGGERS, trigger, "rotate"), body), _SECRET)


@make(command, "try")
@click.argument("trigger")
@click.argument("payload")
def try_trigger(session: Session, trigger: str, payload: str) -> None:
    """Show what would become of PAYLOAD, a JSON text, at TRIGGER. Nothing is submitted."""
    body = {"payload": json_value(payload, "PAYLOAD")}
    session.one(session.change("POST", at(TRIGGERS, trigger, "try"), body), _TRIED)


@make(command, "delete", changes=True)
@click.argument("trigger")
def delete(session: Session, trigger: str) -> None:
    """Delete TRIGGER; its runs stay."""
    session.change("DELETE", at(TRIGGERS, trigger))
    session.note(f"trigger {trigger} is deleted")
