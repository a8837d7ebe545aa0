"""How replays are shown."""

from collections.abc import Mapping
from typing import Any

from agentflow import replay_rules as rules
from agentflow.cli.columns import Column, text
from agentflow.cli.output import json_text
from agentflow.cli.units import usd

_NANO = 1_000_000_000


def _counts(found: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(dict(found).items()))


def _note(step: Mapping[str, Any]) -> str:
    if error := step.get("error"):
        return f"{error['code']}: {error['message']}"
    return f"waits for {step['waiting_for']}" if step.get("waiting_for") else ""


VERDICTS = (
    Column("RUN", "run_id"),
    Column("VERDICT", "verdict"),
    Column("RECORDS", "records", right=True),
    Column("COMPARED", "compared", text),
    Column("DONE AGAIN", "done_again", _counts),
    Column("RECORDED CALLS", "recorded_calls", _counts),
    Column("FROM THE LOG", "from_log", _counts),
    Column("MISMATCH", "mismatch.text"),
    Column("FILE", "file", wide=True),
)
STEPS = (
    Column("STEP", "id"),
    Column("STATUS", "status"),
    Column("ATTEMPTS", "attempts", right=True),
    Column("COST", "cost_nano", lambda nano: usd(nano / _NANO) if nano else "", right=True),
    Column("CHANGED AT", "changed_at", right=True),
    Column("NOTE", "", _note),
)


def verdict_row(verdict: rules.Verdict, file: str = "") -> dict[str, Any]:
    """Return a verdict as JSON."""
    mismatch = verdict.mismatch
    return {
        "run_id": verdict.run_id,
        "verdict": "equal" if verdict.equal else "different",
        "records": verdict.records,
        "compared": verdict.compared,
        "done_again": dict(verdict.again),
        "recorded_calls": dict(verdict.recorded),
        "from_log": dict(verdict.taken),
        "mismatch": None
        if mismatch is None
        else {
            "kind": mismatch.kind,
            "step_id": mismatch.step_id,
            "offset": mismatch.offset,
            "record": mismatch.record,
            "expected": mismatch.expected,
            "found": mismatch.found,
            "text": str(mismatch),
        },
        "file": file,
    }


def stop_lines(stopped: Mapping[str, Any]) -> list[str]:
    """Return what people see of a replay that stopped, besides the table of its steps."""
    head = f"run {stopped['run_id']} {stopped['status']} after {stopped['records']} records"
    lines = [f"{head}, the last {stopped['record']} at offset {stopped['offset']}"]
    for name in ("request", "prompt", "outcome"):
        if stopped.get(name) is not None:
            lines += [f"{name}:", json_text(stopped[name])]
    return lines
