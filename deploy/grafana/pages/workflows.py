"""Workflow Performance: success rates, latency, throughput."""

from deploy.grafana.model import Dashboard, Panel, Prom, Sql
from deploy.grafana.pages.panels import WORKFLOW, curves, figure, now, once
from deploy.grafana.pages.sql import organisations_in

_OF = '{workflow=~"$workflow"}'
_SUCCEEDED = '{workflow=~"$workflow",status="succeeded"}'
_SLOWEST = """
SELECT workflow_name AS workflow, node_id AS node, count() AS steps,
       quantile(0.5)(date_diff('millisecond', started_at, finished_at)) AS p50_ms,
       quantile(0.95)(date_diff('millisecond', started_at, finished_at)) AS p95_ms
FROM step_events FINAL
WHERE org_id IN (${org:singlequote}) AND $__timeFilter(submitted_at)
  AND state = 'succeeded' AND started_at IS NOT NULL AND finished_at IS NOT NULL
GROUP BY workflow, node ORDER BY p95_ms DESC LIMIT 50
"""


def _rate(series: str) -> str:
    return once(f"rate({series}{_OF}[$__rate_interval])")


def _quantile(q: float, by: str = "le") -> str:
    return f"histogram_quantile({q}, sum by ({by}) ({_rate('workflow_duration_seconds_bucket')}))"


DASHBOARD = Dashboard(
    uid="agentflow-workflows",
    title="Workflow Performance",
    says="Success rates, latency and throughput of workflows.",
    variables=(WORKFLOW, organisations_in("step_events")),
    panels=(
        figure(
            "Runs a minute",
            "cpm",
            now(f"60 * sum(agentflow:runs:rate5m{_OF})"),
            "Runs that ended, over five minutes.",
        ),
        figure(
            "Success",
            "percentunit",
            now(f"sum(agentflow:runs:rate5m{_SUCCEEDED}) / sum(agentflow:runs:rate5m{_OF})"),
            "Share of the runs that ended.",
        ),
        figure("Duration, 95%", "s", now(_quantile(0.95)), "From submission to end."),
        figure(
            "Cost of a run",
            "currencyUSD",
            now(f"sum({_rate('workflow_cost_cents_sum')}) / sum({_rate('workflow_cost_cents_count')}) / 100"),
            "Mean of the runs that ended.",
        ),
        curves(
            "Runs by their end",
            "ops",
            Prom(f"sum by (status) (agentflow:runs:rate5m{_OF})", "{{status}}"),
            stacked=True,
        ),
        curves(
            "Duration",
            "s",
            Prom(_quantile(0.5), "50%", exemplars=True),
            Prom(_quantile(0.95), "95%"),
            Prom(_quantile(0.99), "99%"),
            says="Points are traces: choose one to see its spans.",
        ),
        curves(
            "Runs by workflow",
            "ops",
            Prom(f"topk(10, sum by (workflow) (agentflow:runs:rate5m{_OF}))", "{{workflow}}"),
        ),
        curves(
            "Duration by workflow, 95%",
            "s",
            Prom(f"topk(10, {_quantile(0.95, 'le, workflow')})", "{{workflow}}"),
        ),
        curves(
            "Retries",
            "ops",
            Prom(f"topk(10, sum by (workflow, node) ({_rate('step_retries_total')}))", "{{workflow}}/{{node}}"),
            says="Attempts after the first of a step.",
        ),
        Panel("Slowest nodes", "table", "ms", [Sql(_SLOWEST, "table")], "Of steps that succeeded, in the time chosen."),
    ),
)
