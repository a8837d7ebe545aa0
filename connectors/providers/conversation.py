"""A conversation with tools: the callable tools, requested calls, and their results. Data only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.providers.json_body import read_json


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call. ``parameters`` is the JSON schema of its arguments."""

    name: str
    summary: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that a model requests. ``problem`` explains why it cannot be made; then ``args`` are empty."""

    id: str
    name: str
    args: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn: the model's text, its requested calls, and the result of each call as text."""

    text: str
    asked: tuple[Asked, ...]
    results: tuple[str, ...]


def said_so_far(prompt: str, turns: Sequence[Turn]) -> list[str]:
    """Return the texts that a model reads: the prompt, then texts and results of earlier turns."""
    return [prompt, *(part for turn in turns for part in (turn.text, *turn.results) if part)]


def weight(prompt: str, tools: Sequence[ToolSpec], turns: Sequence[Turn]) -> str:
    """Return a text with at least the tokens of a request with tools, for a hold's estimate."""
    if not tools and not turns:
        return prompt
    asked = [[one.id, one.name, one.args] for turn in turns for one in turn.asked]
    offered = [[tool.name, tool.summary, tool.parameters] for tool in tools]
    frame = json.dumps([asked, offered], ensure_ascii=False)
    return "\n\n".join([*said_so_far(prompt, turns), frame])


def asked_for(id_: str, name: str, args: str) -> Asked:
    """Return a call whose arguments a model wrote as JSON; invalid JSON is returned to it as the call's result."""
    try:
        value = read_json(args or "{}").value
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Asked(id_, name, problem=f"the arguments are not a JSON object: {args[:200]}")
    return Asked(id_, name, value)
