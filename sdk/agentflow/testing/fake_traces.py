"""Traces of simulated runs, as the API shows those of real ones: a run, its steps, and the call of each."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from agentflow.testing.run import SimulatedRun, SimulatedStep

_STATUS = {"succeeded": "ok", "failed": "error"}
_CALLS = {"llm": "llm_call", "tool": "tool_call", "function": "tool_call"}


def trace_of(run_id: str, workflow: str, run: SimulatedRun, limit: int) -> dict[str, Any]:
    """Return a trace with at most ``limit`` events. Simulated calls cost nothing."""
    events = list(_events(workflow, run))
    times = [one for step in run.steps.values() for one in (step.started_at, step.finished_at) if one]
    return {
        "id": run_id.replace("-", "").rjust(32, "0")[:32],
        "run_id": run_id,
        "runs": [run_id],
        "workflow": workflow,
        "status": run.status,
        "timestamp": min(times, default=None),
        "duration": _seconds(min(times), max(times)) if times else 0.0,
        **_used(len(events), sum(one["status"] == "error" for one in events)),
        "session_id": None,
        "user_id": None,
        "project": None,
        "tags": {},
        "drawn": False,
        "orphans": 0,
        "left_out": 0,
        "events": events[:limit],
        "next_cursor": None,
    }


def spans_of(run_id: str, workflow: str, run: SimulatedRun, limit: int) -> dict[str, Any]:
    """Return what a query for the spans of a run finds: at most ``limit``."""
    whole = trace_of(run_id, workflow, run, limit)
    of_run = {"trace_id": whole["id"], "run_id": run_id, "workflow": workflow, "session_id": None, "user_id": None}
    return {
        "level": "span",
        "start": whole["timestamp"],
        "end": None,
        "events": [{**event, **of_run} for event in whole["events"]],
    }


def _events(workflow: str, run: SimulatedRun) -> Iterator[dict[str, Any]]:
    steps = [step for step in run.steps.values() if step.started_at]
    start = min((step.started_at for step in steps if step.started_at), default=None)
    end = max((step.finished_at for step in steps if step.finished_at), default=None)
    status = _STATUS.get(run.status, "unset")
    yield _event("run", None, 0, {"type": "run", "name": workflow, "status": status}, start, end)
    for step in steps:
        status = _STATUS.get(step.status, "unset")
        fields = {"step_id": step.id, "status": status, "error_code": step.error}
        yield _event(step.id, "run", 1, {**fields, "type": "step", "name": step.id}, *_times(step))
        if step.type in _CALLS:
            call = {**fields, "type": _CALLS[step.type], "name": step.node_id, "attempt": step.attempts}
            yield _event(f"{step.id}#1", step.id, 2, call, *_times(step))


def _times(step: SimulatedStep) -> tuple[str | None, str | None]:
    return step.started_at, step.finished_at


def _event(
    event_id: str, parent: str | None, depth: int, said: Mapping[str, Any], start: str | None, end: str | None
) -> dict[str, Any]:
    return {
        "id": event_id,
        "parent_id": parent,
        "depth": depth,
        "step_id": None,
        "attempt": None,
        "timestamp": start,
        "duration": _seconds(start, end) if start and end else None,
        "provider": None,
        "model": None,
        "tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": "0",
        "total": _used(1, 0),
        "error_code": None,
        "message": None,
        "waiting": None,
        "attributes": {},
        "links": [],
        "input_hash": None,
        "output_hash": None,
        "drawn": False,
        "orphan": False,
        **said,
    }


def _used(spans: int, errors: int) -> dict[str, Any]:
    nothing = {"cost_usd": "0", "tokens": 0, "input_tokens": 0, "output_tokens": 0}
    return {**nothing, "spans": spans, "calls": 0, "errors": errors}


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
