"""``agentctl route``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import usd


def _nano(value: object) -> str:
    from decimal import Decimal

    return usd(Decimal(str(value)).scaleb(-9)) if value is not None else ""


_CANDIDATES = (
    Column("ATTEMPT", "attempt", right=True),
    Column("ROUTE", "route"),
    Column("CHOSEN", "chosen"),
    Column("SCORE", "score", lambda value: "" if value is None else f"{value:.3f}", right=True),
    Column("QUALITY", "quality", right=True),
    Column("COST", "cost_nano", _nano, right=True),
    Column("LATENCY MS", "latency_ms", right=True),
    Column("WHY NOT", "reason"),
)
_SCORED = (
    Column("RUN", "run_id"),
    Column("STEP", "step_id"),
    Column("SCORE", "score"),
    Column("COUNTS FOR", "counts_for", lambda names: ", ".join(names or ())),
    Column("GROUP", "group", wide=True),
)
_ESTIMATES = (
    Column("PROMPT", "prompt"),
    Column("TIER", "tier"),
    Column("CHOICES", "choices"),
    Column("LOGGED", "logged.value"),
    Column("DOUBLY ROBUST", "doubly_robust.value"),
    Column("LOW", "doubly_robust.low"),
    Column("HIGH", "doubly_robust.high"),
)

command = group("route", "See why a model was chosen; score answers.")


@make(command, "get", example="agentctl route get 0eecbc4e-… --step analyze")
@click.argument("run")
@click.option("--step", required=True, help="The id of the step.")
def get(session: Session, run: str, *, step: str) -> None:
    """Show which routes a step of RUN could take, and why it took one."""
    found = session.get(at("/api/v1/runs", run, "route"), step=step)
    rows = []
    for choice in found["choices"]:
        rows += [
            {"attempt": choice["attempt"], "chosen": one["route"] == choice["route"], **one}
            for one in choice["candidates"]
        ]
        rows += [{"attempt": choice["attempt"], **one, "reason": one["detail"]} for one in choice["excluded"]]
    session.rows(found, rows, _CANDIDATES, "route")


@make(command, "score", changes=True, example="agentctl route score 0eecbc4e-… analyze 0.9")
@click.argument("run")
@click.argument("step")
@click.argument("score", type=click.FloatRange(0, 1))
@click.option("--name", help="The name of the score.")
def score(session: Session, run: str, step: str, *, score: float, name: str | None) -> None:
    """Score the answer of a STEP of RUN from 0 to 1; its node must learn its routes."""
    body = {"step_id": step, "score": score} | ({"name": name} if name else {})
    session.one(session.change("POST", at("/api/v1/runs", run, "scores"), body), _SCORED, "step_id")


@make(command, "evaluate", example="agentctl route evaluate --prompt greeter@3 --tier gold --by cheapest")
@click.option("--prompt", required=True, metavar="NAME@VERSION", help="The prompt of the choices.")
@click.option("--tier", type=OneOf(("gold", "silver", "bronze")), required=True, help="Their tier.")
@click.option(
    "--by", type=OneOf(("cheapest", "fastest", "best", "balanced", "learn")), required=True, help="The policy."
)
@click.option("--days", type=click.IntRange(1), help="How far back the log is read.")
def evaluate(session: Session, *, prompt: str, tier: str, by: str, days: int | None) -> None:
    """Estimate what another policy would have earned."""
    body = {"prompt": prompt, "tier": tier, "policy": {"by": by}} | ({"days": days} if days else {})
    session.one(session.send("POST", "/api/v1/routes/evaluate", body), _ESTIMATES, "prompt")
