"""Renames metrics in the recorded histories: ``python -m tests.histories.renames``.

A digest covers the names. So what the fold makes of a record now is given its old names, and must then have the digest
that was recorded: decisions, outputs and money are the same. Only then the names and the digest of now are written.
It may run again.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams.core.commands import Command
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from tests.histories.history import command_bytes, digest, say
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

RECORDED = Path(__file__).parent / "recorded"

#: As they were recorded, and as ``schemas.metrics`` has them.
METRICS = {
    "step_sla_misses_total": "agentflow_orchestrator_sla_misses_total",
    "compensation_failures_total": "agentflow_orchestrator_compensation_failures_total",
    "late_events_total": "agentflow_orchestrator_late_events_total",
    "submission_conflicts_total": "agentflow_orchestrator_submission_conflicts_total",
}


def renamed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a history with the names of now. Raises ``ValueError`` if more than names has changed."""
    first, *rest = lines
    rules, state, now_ms = RunFold(chain_steps=first["chain_steps"]), MemoryState(), 0
    records = [line for line in rest if "record" in line]
    made = []
    for offset, line in enumerate(records):
        now_ms = max(now_ms, line["at_ms"])
        commands = rules.fold(state, decode(RUN_EVENTS, line["record"].encode()), now_ms, offset)
        made.append(_line(line, commands))
    return [first, *made, *rest[len(records) :]]


def _line(line: dict[str, Any], commands: Iterable[Command]) -> dict[str, Any]:
    parts = [command_bytes(command) for command in commands]
    says = [say(command) for command in commands]
    if line["digest"] not in (digest(parts), digest(map(_old, parts))):
        raise ValueError(f"more than names has changed: {line['says']} is now {says}")
    return line | {"says": says, "digest": digest(parts)}


def _old(part: bytes) -> bytes:
    for old, new in METRICS.items():
        part = part.replace(new.encode(), old.encode())
    return part


def main() -> None:
    """Rewrite the recorded histories."""
    for path in sorted(RECORDED.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in renamed(lines))
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
