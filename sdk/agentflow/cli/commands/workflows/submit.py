"""Submission of a run."""

from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.commands.workflows.waiting_options import accepted, wait_options
from agentflow.cli.options import DURATION, command
from agentflow.cli.session import Session
from agentflow.cli.units import cents, json_object, json_value, pairs, usd
from agentflow.cli.views.runs import RUNS

_TRIED = (
    Column("WORKFLOW", "workflow_name"),
    Column("VERSION", "workflow_version"),
    Column("ADMISSION", "admission.decision"),
    Column("DETAIL", "admission.detail"),
    Column("CHEAPEST PATH", "cheapest_path_usd", usd),
    Column("REQUIRED INPUTS", "required_inputs"),
    Column("BUDGETS", "budgets", lambda found: ", ".join(f"{b['name']} ({b['state']})" for b in found or ())),
)


@command(
    None,
    "submit",
    changes=True,
    example="""agentctl workflow submit document_analysis --inputs '{"document_key": "gettysburg.txt"}' --wait""",
)
@click.argument("name")
@click.option("--inputs", metavar="JSON", help="The inputs: a JSON object, @file, or - for stdin.")
@click.option("--input", "single", multiple=True, metavar="KEY=VALUE", help="One input; JSON, else text. Repeatable.")
@click.option("--version", type=click.IntRange(1), help="The version; the newest by default.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the run. Repeatable.")
@click.option("--budget", metavar="USD", help="The most that the run may cost, in US dollars.")
@click.option("--deadline", type=DURATION, help="How long the run may take, for example 5m.")
@click.option("--project", help="The project that it spends for.")
@click.option("--end-user", help="The user that it spends for.")
@click.option("--session", "thread", help="The thread of runs that it belongs to, such as a conversation.")
@click.option("--subject", help="Your id of the person whose data the run handles; its content is sealed.")
@click.option("--idempotency-key", metavar="KEY", help="The same key is the same run, however often it is sent.")
@wait_options
def submit(
    session: Session,
    name: str,
    *,
    inputs: str | None,
    single: tuple[str, ...],
    version: int | None,
    tags: tuple[str, ...],
    budget: str | None,
    deadline: float | None,
    project: str | None,
    end_user: str | None,
    thread: str | None,
    subject: str | None,
    idempotency_key: str | None,
    wait: bool,
    timeout: float | None,
) -> None:
    """Submit a run of the workflow NAME.

    With --dry-run the server says what would happen: admission, budgets, and the cost of the cheapest path.
    """
    optional = {
        "workflow_version": version,
        "tags": pairs(tags, "--tag") or None,
        "budget_cents": None if budget is None else cents(budget),
        "deadline_ms": None if deadline is None else round(deadline * 1000),
        "project": project,
        "end_user": end_user,
        "session": thread,
        "subject": subject,
    }
    body: dict[str, Any] = {"workflow_name": name, "inputs": json_object(inputs, "--inputs") | _single(single)}
    body |= {field: value for field, value in optional.items() if value is not None}
    if session.given.get("dry-run"):
        found = session.send("POST", RUNS, body, params={"dry_run": "true"}, key=idempotency_key)
        session.one(found, _TRIED, "workflow_name")
        return
    accepted(session, session.send("POST", RUNS, body, key=idempotency_key), wait=wait, timeout=timeout)


def _single(texts: tuple[str, ...]) -> dict[str, Any]:
    return {key: _value(text) for key, text in pairs(texts, "--input").items()}


def _value(text: str) -> Any:
    if text.startswith("@"):
        return json_value(text, "--input") if text.endswith(".json") else json_text(text)
    try:
        import json

        return json.loads(text)
    except ValueError:
        return text


def json_text(source: str) -> str:
    """Return the text of ``@file``."""
    from agentflow.cli.units import read_text

    return read_text(source[1:])


COMMANDS = (submit,)
