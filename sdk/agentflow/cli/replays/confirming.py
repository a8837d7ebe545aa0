"""Confirms a cause: the failed run is folded again here, with what the step did in healthy runs of its workflow."""

import asyncio
from typing import Any

from agentflow import replay_rules as rules
from agentflow.cli.errors import CliError
from agentflow.cli.replays.functions import functions_of
from agentflow.cli.replays.recorded import read_run
from agentflow.cli.session import Session
from agentflow.cli.views.runs import RUNS

#: Healthy runs whose outcomes answer what the replay asks for.
_HEALTHY = 10


def confirmed(session: Session, cause: dict[str, Any], tools: str | None) -> dict[str, Any]:
    """Return what a replay of the run without the cause says: ``verdict``, ``reason``, ``status`` and ``open`` steps.

    Raises ``CliError``.
    """
    call = functions_of(tools) or rules.no_functions
    failed = read_run(session, cause["run_id"], with_end=False).recording.records
    query = {"workflow": cause["workflow"], "status": "succeeded", "limit": _HEALTHY}
    healthy = []
    for run in session.get(RUNS, **query)["runs"]:
        try:
            healthy.append(read_run(session, run["id"], with_end=False).recording.records)
        except CliError:
            continue  # its records are gone: history keeps runs for longer than the log
    found = asyncio.run(rules.flipped(failed, healthy, cause["cause"]["step"], call=call))
    return {**found._asdict(), "open": list(found.open), "healthy": len(healthy)}
