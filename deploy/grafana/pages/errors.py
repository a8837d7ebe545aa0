"""Error Analysis: failed workflows and error patterns, down to the spans of one trace."""

from deploy.grafana.model import Dashboard, Panel, Prom, Sql, TextVariable, TraceLink
from deploy.grafana.pages.panels import WORKFLOW, curves, figure, now, once
from deploy.grafana.pages.sql import organisations_in

_FAILED = '{workflow=~"$workflow",status="failed"}'
_PATTERNS = """
SELECT workflow_name AS workflow, node_id AS node, error_code AS code, uniqExact(run_id) AS runs,
       anyLast(error_message) AS example
FROM step_events FINAL
WHERE org_id IN (${org:singlequote}) AND $__timeFilter(submitted_at) AND state = 'failed'
GROUP BY workflow, node, code ORDER BY runs DESC LIMIT 100
"""
_RUNS = """
SELECT ended_at AS time, name, status_message AS error, run_id AS run, trace_id AS trace
FROM trace_spans FINAL
WHERE org_id IN (${org:singlequote}) AND $__timeFilter(started_at) AND status = 'error'
  AND (type = 'run' OR parent_span_id = '')
ORDER BY time DESC LIMIT 100
"""
_SPANS = """
SELECT started_at AS time, name, kind, type, duration_ms, status, status_message AS error, span_id AS span,
       parent_span_id AS parent
FROM trace_spans FINAL
WHERE org_id IN (${org:singlequote}) AND trace_id = ${trace:singlequote}
ORDER BY time LIMIT 1000
"""


def _privacy(label: str, name: str) -> str:
    return f"topk(10, sum by ({label}) (rate(agentflow_worker_privacy_{name}[$__rate_interval])))"


DASHBOARD = Dashboard(
    uid="agentflow-errors",
    title="Error Analysis",
    says="Failed runs, patterns of errors, providers, and the spans of one trace.",
    variables=(WORKFLOW, organisations_in("step_events"), TextVariable("trace", "Trace")),
    panels=(
        figure(
            "Runs that fail",
            "percentunit",
            now("agentflow:runs_failed:ratio_rate5m"),
            "Share of the runs of five minutes.",
        ),
        figure(
            "Dead letters",
            "short",
            now(
                "(sum(increase(agentflow_role_dead_letters_total[$__range])) or vector(0)) "
                "+ (sum(increase(agentflow_worker_dead_letters_total[$__range])) or vector(0))"
            ),
        ),
        figure("Quarantined keys", "short", now("sum(agentflow_role_quarantined_keys)")),
        figure("Open circuits", "short", now("sum(max by (provider, model) (agentflow_api_open_circuits))")),
        curves(
            "Failed runs",
            "ops",
            Prom(f"topk(10, sum by (workflow) (agentflow:runs:rate5m{_FAILED}))", "{{workflow}}"),
            stacked=True,
        ),
        curves(
            "Requests to providers that go wrong",
            "percentunit",
            Prom("agentflow:provider_errors:ratio_rate5m", "{{provider}}"),
        ),
        curves(
            "Attempts by outcome",
            "ops",
            Prom(
                "topk(10, sum by (outcome) (rate(agentflow_worker_attempts_total[$__rate_interval])))",
                "{{outcome}}",
            ),
        ),
        curves(
            "Late events",
            "ops",
            Prom(
                f"sum({once('rate(agentflow_orchestrator_late_events_total[$__rate_interval])')}) or vector(0)",
                "late events",
            ),
            says="They came when nothing waited for them any more.",
        ),
        curves(
            "Personal data and secrets found",
            "ops",
            Prom(_privacy("kind", "findings_total"), "{{kind}}"),
            says="By kind, in values of attempts whose policy has a section privacy.",
            stacked=True,
        ),
        curves(
            "What became of them",
            "ops",
            Prom(_privacy("effect", "findings_total"), "{{effect}}"),
            says="keep is what a policy left where it was.",
            stacked=True,
        ),
        curves(
            "Values that were not let pass",
            "ops",
            Prom(_privacy("reason", "refusals_total"), "{{reason}}"),
            says="privacy_refused is a rule that denies; privacy_failed is a detector or the vault.",
        ),
        curves(
            "Time to search and redact a value",
            "s",
            Prom(
                "histogram_quantile(0.99, sum by (le) "
                "(rate(agentflow_worker_privacy_seconds_bucket[$__rate_interval])))",
                "99%",
            ),
        ),
        Panel(
            "Patterns", "table", "none", [Sql(_PATTERNS, "table")], "Failed steps, the most frequent first.", width=24
        ),
        Panel(
            "Failed runs, newest first",
            "table",
            "none",
            [Sql(_RUNS, "table")],
            "Choose a trace to see its spans below.",
            width=24,
            link=TraceLink("trace"),
        ),
        Panel("Spans of the trace", "table", "none", [Sql(_SPANS, "table")], width=24, height=12),
    ),
)
