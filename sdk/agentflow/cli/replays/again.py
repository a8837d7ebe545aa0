"""Replays that run: shadow and live. Each is a new run; the recorded one is only read."""

from decimal import Decimal
from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.errors import OK, USAGE, CliError, code_of_run
from agentflow.cli.follow import follow
from agentflow.cli.paging import pages
from agentflow.cli.replays.recorded import read_run
from agentflow.cli.replays.shadows import ROWS, compared, shadow_of
from agentflow.cli.session import Session
from agentflow.cli.units import dollars, json_object, usd
from agentflow.cli.views.runs import ACCEPTED, RUNS, failure

WORKFLOWS = "/api/v1/workflows"
TAG = "shadow_of"
_TIME_LIMIT_S = 900.0
_NANO = Decimal(1_000_000_000)
#: Without a budget of its own: this many times what the calls cost, and a cent at least.
_BUDGET_TIMES = 2


def live(session: Session, run: str, node: str | None, inputs: str | None) -> None:
    """Run RUN again as a new run, from one of its nodes or with other inputs. Raises ``CliError``."""
    if node is None and inputs is None:
        raise CliError("--mode live changes nothing", "give --from NODE, --inputs JSON, or both", USAGE)
    body: dict[str, Any] = {"inputs": json_object(inputs, "--inputs") if inputs is not None else {}}
    found = session.change("POST", at(RUNS, run, "fork"), body | ({"from": node} if node else {}))
    session.one({"status": "queued", **found}, ACCEPTED)


def shadow(session: Session, run: str, budget: str | None, model: str | None, limit: int) -> None:
    """Make the recorded calls of RUN again and compare. Raises ``CliError``, also for a shadow that failed."""
    if model is not None and len([part for part in model.split("/", 1) if part]) != 2:
        raise CliError(f"{model!r} is no route", "write provider/model", USAGE)
    made = shadow_of(run, read_run(session, run, with_end=False).recording.records, model=model, limit=limit)
    notes = ", ".join(f"{count} {reason}" for reason, count in sorted(made.left_out.items()))
    if notes:
        session.note(f"left out: {notes}")
    if not made.calls:
        session.note(f"run {run} has no call of a model to make again")
        session.rows({"run_id": run, "shadow_id": None, "calls": []}, [], ROWS, "step_id")
        return
    cents = _cents(budget, made.recorded_nano)
    session.change("POST", WORKFLOWS, made.document)
    body = {"workflow_name": made.document["name"], "workflow_version": 1, "inputs": made.inputs, "budget_cents": cents}
    accepted = session.send("POST", RUNS, body | {"tags": {TAG: run}})
    ended = follow(session, accepted["id"], _TIME_LIMIT_S, quiet=True)
    steps = list(pages(session, at(RUNS, accepted["id"], "steps"), "steps", {"outputs": "true"}, 10_000))
    rows = compared(made, steps)
    session.rows({"run_id": run, "shadow_id": accepted["id"], "calls": rows}, rows, ROWS, "step_id")
    if session.format in {"table", "wide"}:
        same, alike = sum(row["same"] for row in rows), [row["alike"] for row in rows if row["alike"] is not None]
        mean = f"{sum(alike) / len(alike):.2f}" if alike else "unknown"
        recorded, paid = usd(made.recorded_nano / _NANO) or "$0", usd(ended.get("total_cost_usd")) or "$0"
        click.echo(f"\n{same} of {len(rows)} the same, alike {mean}; {recorded} recorded, {paid} for the shadow")
    code = code_of_run(ended["status"], (ended.get("error") or {}).get("code", ""))
    if code != OK:
        raise CliError(f"the shadow {accepted['id']} {ended['status']}: {failure(ended.get('error'))}", "", code)


def _cents(budget: str | None, recorded_nano: int) -> str:
    if budget is not None:
        return format(Decimal(dollars(budget)) * 100, "f")
    return format(max(Decimal(1), Decimal(_BUDGET_TIMES * recorded_nano) * 100 / _NANO), "f")
