"""What several dashboards ask of ClickHouse. Every query names the organisations that were chosen."""

from deploy.grafana.model import SqlVariable

#: One row a call: its actual settlement, or the presumed one until that comes. The sum is the ledger's.
CALLS = """
    SELECT org_id AS org, run_id, call_id, argMax(workflow_name, kind = 'actual') AS workflow,
           argMax(provider, kind = 'actual') AS provider_name, argMax(model, kind = 'actual') AS model_name,
           argMax(amount_nano, kind = 'actual') AS nano, argMax(input_tokens, kind = 'actual') AS tokens_in,
           argMax(output_tokens, kind = 'actual') AS tokens_out, argMax(calls, kind = 'actual') AS made,
           argMin(booked_at, _offset) AS at
    FROM cost_events FINAL
    WHERE org_id IN (${org:singlequote}) AND calls > 0 AND $__timeFilter(booked_at)
    GROUP BY org_id, run_id, call_id
"""


def organisations_in(table: str) -> SqlVariable:
    """Return the list of the organisations that a table has rows of."""
    return SqlVariable("org", "Organisation", f"SELECT DISTINCT org_id FROM {table} ORDER BY org_id")


def usd_by(column: str) -> str:
    """Return dollars over time by a column of ``CALLS``."""
    return (
        f"SELECT $__timeInterval(at) AS time, {column}, sum(nano) / 1e9 AS usd\n"
        f"FROM ({CALLS})\nGROUP BY time, {column} ORDER BY time"
    )
