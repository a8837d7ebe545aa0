"""Panels and expressions that several dashboards have."""

from deploy.grafana.model import Panel, Prom, PromVariable, Query, Unit

WORKFLOW = PromVariable("workflow", "Workflow", "workflow_runs_total")


def figure(title: str, unit: Unit, query: Query, says: str = "") -> Panel:
    """Return one number; four of them stand side by side."""
    return Panel(title, "stat", unit, [query], says, width=6, height=5)


def curves(title: str, unit: Unit, *queries: Query, says: str = "", stacked: bool = False) -> Panel:
    """Return values over time; two panels stand side by side."""
    return Panel(title, "timeseries", unit, queries, says, stacked=stacked)


def now(expr: str) -> Prom:
    """Return the value at the end of the time that is shown."""
    return Prom(expr, instant=True)


def once(expr: str) -> str:
    """Return series that every process of the API shows, of one of them."""
    return f"max without (instance) ({expr})"
