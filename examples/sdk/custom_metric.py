"""Count what a tool of your own does (the guide's "Adding Custom Metrics").

    CUSTOM_METRICS_PORT=9200 TOOLS=examples/sdk/custom_metric.py make run

The counter is served by the worker's process, at a port of its own from the first call on.
"""

import os
from functools import cache

from agentflow import tool
from prometheus_client import Counter, start_http_server

OPERATIONS = Counter("custom_operations_total", "Total custom operations", ["operation_type", "status"])


@tool("process_data")
def process_data(*, rows: list[str]) -> int:
    """Count the rows, and that it was done."""
    serve()
    OPERATIONS.labels("data_processing", "success").inc()
    return len(rows)


@cache
def serve() -> None:
    """Serve the counters, once a process."""
    port = os.environ.get("CUSTOM_METRICS_PORT")
    if port:
        start_http_server(int(port))
