"""Find out how fast a run's model calls were (the guide's "Programmatic Trace Analysis").

.venv/bin/python examples/sdk/analyze_trace.py RUN_ID
"""

import sys

from agentflow import Client


def main(client: Client, run_id: str) -> None:
    """Print provider, time and tokens of every model call."""
    for event in client.traces.get(run_id).events:
        if event.type == "llm_call":
            print(f"LLM Call: {event.provider} ({event.duration or 0:.2f}s, {event.tokens} tokens)")


if __name__ == "__main__":
    with Client() as client:
        main(client, sys.argv[1])
