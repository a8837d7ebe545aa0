"""The ids of the steps that an agent is made of: its turns, and the calls that each of them requests."""

import re
from collections.abc import Sequence
from typing import Literal

from schemas.records.run_events import ToolUse
from streams.core.runs.plan.model import is_part

_TURN = re.compile(r"(?P<agent>.+)/turn-(?P<number>\d+)(?P<tool>/.*)?")
_SAFE = re.compile(r"[^A-Za-z0-9_.-]")

Part = Literal["turn", "tool"]


def part_of(step_id: str) -> Part | None:
    """Return which part of an agent a step is, ``None`` for a step that is none."""
    if not is_part(step_id):
        return None
    match = _TURN.fullmatch(step_id)
    return None if match is None else "tool" if match["tool"] else "turn"


def turn_id(agent: str, number: int) -> str:
    """Return the step id of an agent's turn, counted from 1."""
    return f"{agent}/turn-{number}"


def call_ids(agent: str, number: int, calls: Sequence[ToolUse]) -> list[str]:
    """Return the step ids of a turn's calls; a name that is nobody's is cut to what an id may have."""
    return [f"{turn_id(agent, number)}/{_SAFE.sub('_', use.name)[:64]}[{i}]" for i, use in enumerate(calls)]


def place_of(step_id: str) -> tuple[str, int]:
    """Return the agent's step id and the number of the turn that a part belongs to."""
    match = _TURN.fullmatch(step_id)
    if match is None:
        raise ValueError(f"{step_id!r} is no part of an agent")
    return match["agent"], int(match["number"])
