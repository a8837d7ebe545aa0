"""Live Cost: money while it moves, on Grafana Live, with its history beside it."""

from deploy.grafana.model import Dashboard, Live, Panel, Prom, Sql
from deploy.grafana.pages.panels import curves
from deploy.grafana.pages.sql import CALLS, organisations_in

CHANNEL = "stream/agentflow/agentflow_cost"


def _spent_by(what: str, label: str) -> Panel:
    rate = "rate(agentflow_live_cost_settled_nanodollars_total[$__rate_interval])"
    spent = Prom(f"topk(10, sum by ({label}) ({rate})) / 1e9", f"{{{{{label}}}}}")
    return curves(f"Spent a second, by {what}", "currencyUSD", spent, stacked=True)


_MINUTES = f"""
SELECT toStartOfMinute(at) AS time, sum(nano) / 1e9 AS usd
FROM ({CALLS})
GROUP BY time ORDER BY time
"""

DASHBOARD = Dashboard(
    uid="agentflow-live-cost",
    title="Live Cost",
    says="What calls cost and what is held for those in flight, each second; the exact ledger is the last panel.",
    variables=(organisations_in("cost_events"),),
    since="now-15m",
    refresh="5s",
    panels=(
        curves(
            "Settled, each second",
            "currencyUSD",
            Live(CHANNEL, "settled_usd"),
            says="Pushed by the role live-cost; nothing here means that GRAFANA_URL is not set.",
        ),
        curves("Held, each second", "currencyUSD", Live(CHANNEL, "held_usd")),
        _spent_by("organisation", "org"),
        _spent_by("workflow", "workflow"),
        _spent_by("provider", "provider"),
        _spent_by("model", "model"),
        curves(
            "Held for calls in flight",
            "currencyUSD",
            Prom("topk(10, sum by (org) (agentflow_live_cost_held_nanodollars)) / 1e9", "{{org}}"),
        ),
        curves(
            "Pushes",
            "ops",
            Prom("sum by (outcome) (rate(agentflow_live_cost_pushes_total[$__rate_interval]))", "{{outcome}}"),
        ),
        curves(
            "From a settlement to Grafana, 95%",
            "s",
            Prom(
                "histogram_quantile(0.95, sum by (le) "
                "(rate(agentflow_live_cost_lag_seconds_bucket[$__rate_interval])))",
                "95%",
            ),
            says="Of the oldest settlement in each push.",
        ),
        curves("Ledger, by minute", "currencyUSD", Sql(_MINUTES), says="From ClickHouse: exact."),
    ),
)
