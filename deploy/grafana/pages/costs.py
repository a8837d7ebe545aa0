"""Cost Analysis: spending by provider, model and organisation. The amounts are those of the ledger."""

from deploy.grafana.model import Dashboard, Panel, Prom, Sql
from deploy.grafana.pages.panels import curves, figure, now, once
from deploy.grafana.pages.sql import CALLS, organisations_in, usd_by

_TOTAL = f"SELECT sum(nano) / 1e9 AS usd FROM ({CALLS})"
_CALLS = f"SELECT sumIf(made, nano > 0) AS calls FROM ({CALLS})"
_DEAREST = f"""
SELECT org, workflow, provider_name AS provider, model_name AS model, sumIf(made, nano > 0) AS calls,
       sum(tokens_in) AS input_tokens, sum(tokens_out) AS output_tokens, sum(nano) / 1e9 AS usd
FROM ({CALLS})
GROUP BY org, workflow, provider, model ORDER BY usd DESC LIMIT 100
"""
_TOKENS = f"""
SELECT $__timeInterval(at) AS time, sum(tokens_in) AS input, sum(tokens_out) AS output
FROM ({CALLS})
GROUP BY time ORDER BY time
"""


def _increase(metric: str) -> str:
    return f"sum({once(f'increase({metric}[$__range])')})"


_HITS = _increase("cache_hits_total")

DASHBOARD = Dashboard(
    uid="agentflow-costs",
    title="Cost Analysis",
    says="Spending by provider, model and organisation, from the ledger in ClickHouse; budgets from Prometheus.",
    variables=(organisations_in("cost_events"),),
    since="now-24h",
    refresh="1m",
    panels=(
        figure("Spent", "currencyUSD", Sql(_TOTAL, "table"), "In the time chosen; the ledger's sum."),
        figure("Calls that cost", "short", Sql(_CALLS, "table")),
        figure(
            "Saved by the cache",
            "currencyUSD",
            now(f"{_increase('agentflow_worker_cache_saved_nanodollars_total')} / 1e9"),
            "Cost of the calls whose answers were used again.",
        ),
        figure(
            "Cache hits",
            "percentunit",
            now(f"{_HITS} / ({_HITS} + {_increase('agentflow_worker_cache_misses_total')})"),
            "Share of the calls that looked for an earlier answer.",
        ),
        curves("By provider", "currencyUSD", Sql(usd_by("provider_name")), stacked=True),
        curves("By model", "currencyUSD", Sql(usd_by("model_name")), stacked=True),
        curves("By organisation", "currencyUSD", Sql(usd_by("org")), stacked=True),
        curves("By workflow", "currencyUSD", Sql(usd_by("workflow")), stacked=True),
        curves("Tokens", "short", Sql(_TOKENS)),
        Panel(
            "Budgets",
            "bargauge",
            "percentunit",
            [Prom("max by (budget) (agentflow_api_budget_used_ratio)", "{{budget}}", instant=True)],
            "Share of the limit that the present window has spent.",
        ),
        Panel("Dearest", "table", "none", [Sql(_DEAREST, "table")], width=24),
    ),
)
