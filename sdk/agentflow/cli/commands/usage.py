"""``agentctl usage``: what runs cost, summed up exactly."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import click

from agentflow.cli.columns import Column
from agentflow.cli.lazy import one_of
from agentflow.cli.options import command as make
from agentflow.cli.paging import pages
from agentflow.cli.runs import RUNS
from agentflow.cli.session import Session
from agentflow.cli.units import moment, usd

Run = Mapping[str, Any]
_BY: Mapping[str, Callable[[Run], str]] = {
    "workflow": lambda run: str(run["workflow_name"]),
    "version": lambda run: f"{run['workflow_name']}@{run['workflow_version']}",
    "status": lambda run: str(run["status"]),
    "day": lambda run: str(run["submitted_at"])[:10],
    "tag": lambda run: ",".join(f"{key}={value}" for key, value in sorted((run.get("tags") or {}).items())),
}
_LIST = (
    Column("OF", "of"),
    Column("RUNS", "runs", right=True),
    Column("TOKENS IN", "tokens_in", right=True),
    Column("OUT", "tokens_out", right=True),
    Column("COST", "cost_usd", usd, right=True),
)
_MOST = 100_000


@dataclass
class Sum:
    """What the runs of one group used."""

    runs: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)

    def add(self, run: Run) -> None:
        """Add a run's own usage; its child runs are runs of their own."""
        tokens = run.get("tokens") or {}
        self.runs += 1
        self.tokens_in += tokens.get("input", 0)
        self.tokens_out += tokens.get("output", 0)
        self.cost += Decimal(str(run.get("cost_usd") or 0))

    def row(self, of: str) -> dict[str, Any]:
        """Return it as a row."""
        cost = format(self.cost, "f")
        return {
            "of": of,
            "runs": self.runs,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd": cost,
        }


def summed(runs: Iterable[Run], by: str) -> list[dict[str, Any]]:
    """Return what runs used by group, the dearest first, and the total as the last row."""
    sums: dict[str, Sum] = defaultdict(Sum)
    total = Sum()
    for run in runs:
        sums[_BY[by](run)].add(run)
        total.add(run)
    rows = [one.row(of) for of, one in sorted(sums.items(), key=lambda pair: (-pair[1].cost, pair[0]))]
    return [*rows, total.row("total")]


@make(None, "usage", watch=True, example="agentctl usage --since 7d --by workflow")
@click.option("--since", default="24h", show_default=True, metavar="TIME", help="Submitted since: 24h, or a time.")
@click.option("--until", metavar="TIME", help="Submitted before.")
@click.option("--project", metavar="ID", help="Only runs of this project.")
@click.option("--by", type=one_of(tuple(_BY)), default="workflow", show_default=True, help="How runs are grouped.")
def command(session: Session, *, since: str, until: str | None, project: str | None, by: str) -> None:
    """Sum up what the runs of a time used and cost, exactly. Runs that have not ended count what they cost so far."""

    def show() -> None:
        params = {"since": moment(since), "until": moment(until), "project": project}
        rows = summed(pages(session, RUNS, "runs", params, _MOST), by)
        session.rows({"usage": rows}, rows, _LIST, "of")

    session.repeat(show)
