"""Runs as commands show them: columns, the tree of steps, and what changed between two looks."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.cli.columns import Column, printable, text
from agentflow.cli.units import age, between, usd

RUNS = "/api/v1/workflows/runs"
ENDED = frozenset({"succeeded", "failed", "canceled"})
_MARKS = {
    "succeeded": "✓",
    "failed": "✗",
    "canceled": "✗",
    "skipped": "-",
    "running": "▶",
    "waiting": "…",
    "pending": "·",
    "ready": "·",
    "queued": "·",
}


def ago(value: Any) -> str:
    """Return how long ago a time was."""
    return age(value, time.time())


def model(step: Any) -> str:
    """Return provider and model of a step or a span."""
    return f"{step['provider']}/{step['model']}" if step.get("provider") and step.get("model") else ""


def failure(error: Any) -> str:
    """Return an error's step, code and text."""
    if not error:
        return ""
    where = f"{error['step_id']}: " if error.get("step_id") else ""
    return f"{where}{error.get('code')}: {error.get('message')}"


def _tokens(tokens: Any) -> str:
    return f"{tokens.get('input', 0):,} in, {tokens.get('output', 0):,} out" if tokens else ""


def note(step: Mapping[str, Any]) -> str:
    """Return why a step is as it is: its error, what it waits for, its children, where its result is from."""
    if step.get("error"):
        return failure({**step["error"], "step_id": None})
    if waiting := step.get("waiting"):
        return " ".join(filter(None, ("waits for", waiting.get("kind"), waiting.get("on"), waiting.get("detail"))))
    if children := step.get("children"):
        done = sum(children.get(state, 0) for state in ("succeeded", "failed", "skipped", "canceled"))
        return f"{done}/{children['total']} done"
    if step.get("reused_from"):
        return f"reused from {step['reused_from']}"
    return "cached" if step.get("cached") else text(step.get("note"))


def _rollouts(found: Any) -> str:
    return ", ".join(f"{one['prompt']}@{one['version']} as {one['arm']} of {one['environment']}" for one in found or ())


LIST = (
    Column("ID", "id"),
    Column("WORKFLOW", "workflow_name"),
    Column("VERSION", "workflow_version", right=True, wide=True),
    Column("STATUS", "status"),
    Column("COST", "total_cost_usd", usd, right=True),
    Column("AGE", "submitted_at", ago, right=True),
    Column("TOKENS", "tokens", _tokens, wide=True),
    Column("TAGS", "tags", wide=True),
    Column("ERROR", "error", failure, wide=True),
)
ONE = (
    Column("ID", "id"),
    Column("WORKFLOW", "workflow_name"),
    Column("VERSION", "workflow_version"),
    Column("STATUS", "status"),
    Column("COST", "total_cost_usd", usd),
    Column("TOKENS", "tokens", _tokens),
    Column("BUDGET", "budget_cents", lambda cents: usd(_of_cents(cents))),
    Column("SUBMITTED", "submitted_at"),
    Column("STARTED", "started_at"),
    Column("FINISHED", "finished_at"),
    Column("TAGS", "tags"),
    Column("PARENT", "parent.run_id"),
    Column("ROLLOUTS", "rollouts", _rollouts),
    Column("TRACE", "trace_id"),
    Column("SOURCE", "source", wide=True),
    Column("ERROR", "error", failure),
)
ACCEPTED = (
    Column("ID", "id"),
    Column("WORKFLOW", "workflow_name"),
    Column("VERSION", "workflow_version"),
    Column("STATUS", "status"),
    Column("DUPLICATE", "duplicate", lambda value: "yes" if value else ""),
    Column("FORKED FROM", "forked_from"),
    Column("REUSED", "reused"),
)
STEPS = (
    Column("STEP", "id"),
    Column("TYPE", "type", wide=True),
    Column("STATUS", "status"),
    Column("ATTEMPTS", "attempts", right=True),
    Column("COST", "cost_usd", usd, right=True),
    Column("MODEL", "", model),
    Column("TIME", "", lambda step: between(step.get("started_at"), step.get("finished_at")), right=True),
    Column("NOTE", "", note),
)


def _of_cents(cents: Any) -> Any:
    from decimal import Decimal

    return None if cents is None else Decimal(str(cents)) / 100


def tree(run: Mapping[str, Any]) -> list[str]:
    """Return a run and its steps as a tree, a line each: state, attempts and cost."""
    steps = [step for step in run.get("steps") or () if not _is_child(step)]
    head = f"{run['workflow_name']} {run['id']} {run['status']} {usd(run.get('total_cost_usd'))}"
    return [printable(head.strip()), *(_branch(step, last=step is steps[-1]) for step in steps)]


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """Return a line for each step, and for the run, that changed since the last look."""
    old = {step["id"]: _state(step) for step in (before or {}).get("steps") or ()}
    found = [
        printable(f"{step['id']} {_state(step)}")
        for step in after.get("steps") or ()
        if not _is_child(step) and old.get(step["id"]) != _state(step)
    ]
    if before is None or before["status"] != after["status"]:
        found.append(
            printable(f"{after['workflow_name']} {after['status']} {usd(after.get('total_cost_usd'))}".strip())
        )
    return found


def _state(step: Mapping[str, Any]) -> str:
    tried = f", {step['attempts']} attempts" if step.get("attempts", 0) > 1 else ""
    cost = f", {usd(step['cost_usd'])}" if step.get("cost_usd") not in (None, "0") else ""
    said = note(step)
    return f"{step['status']}{tried}{cost}{f' ({said})' if said else ''}"


def _branch(step: Mapping[str, Any], *, last: bool) -> str:
    return printable(f"{'└─' if last else '├─'} {_MARKS.get(step['status'], '?')} {step['id']} {_state(step)}")


def _is_child(step: Mapping[str, Any]) -> bool:
    # Of a map only the node is shown: it counts its children.
    return str(step["id"]).startswith(f"{step['node_id']}[")


def sorted_by_start(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return steps in the order in which they started; those that did not come last."""
    return sorted(steps, key=lambda step: (not step.get("started_at"), step.get("started_at") or "", step["id"]))
