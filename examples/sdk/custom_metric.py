"""Count what a tool of your own does (the guide's "Adding Custom Metrics").

    TOOLS=examples/sdk/custom_metric.py make run

The counter is served at the worker's `/metrics`.
"""

from agentflow import tool
from prometheus_client import Counter

from connectors.tools import METRICS

OPERATIONS = Counter(
    "custom_operations_total", "Total custom operations", ["operation_type", "status"], registry=METRICS
)


@tool("process_data")
def process_data(*, rows: list[str]) -> int:
    """Count the rows, and that it was done."""
    OPERATIONS.labels("data_processing", "success").inc()
    return len(rows)
