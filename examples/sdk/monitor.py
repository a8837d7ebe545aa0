"""Read a run's status, cost and events (the guide's "Monitoring Workflows").

.venv/bin/python examples/sdk/monitor.py RUN_ID
"""

import sys

from agentflow import Client


def main(client: Client, run_id: str) -> None:
    """Print what a run is, what it costs, and what it did."""
    run = client.workflows.get(run_id)
    print(f"Status: {run.status}")
    print(f"Cost: {run.cost_cents} cents")
    for event in client.traces.query(run_id=run_id, limit=100).events:
        print(f"Event: {event.type} at {event.timestamp}")


if __name__ == "__main__":
    with Client() as client:
        main(client, sys.argv[1])
