"""A conversation with tools: the callable tools, requested calls, and their results. Data only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.providers.json_body import read_json

_NOT_ON_THE_WIRE = re.compile(r"[^A-Za-z0-9_-]")


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
class Said:
    """An earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn: the model's text, its requested calls, and the result of each call as text.

    ``opaque`` is what the provider ``opaque["provider"]`` gave with the turn and wants back as it was.
    """

    text: str
    asked: tuple[Asked, ...]
    results: tuple[str, ...]
    opaque: dict[str, Any] | None = None

    def opaque_of(self, provider: str) -> dict[str, Any]:
        """Return what this provider gave with the turn; what another one gave means nothing to it."""
        return self.opaque if self.opaque is not None and self.opaque.get("provider") == provider else {}


def said_so_far(prompt: str, turns: Sequence[Turn]) -> list[str]:
    """Return the texts that a model reads: the prompt, then texts and results of earlier turns."""
    return [prompt, *(part for turn in turns for part in (turn.text, *turn.results) if part)]


def weight(prompt: str, tools: Sequence[ToolSpec], turns: Sequence[Turn], *more: object) -> str:
    """Return a text with at least the tokens of a request, for a hold's estimate.

    ``more`` are texts and JSON values that the model reads besides; those that are empty or ``None`` are not.
    """
    rest = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in more if one]
    if not tools and not turns:
        return "\n\n".join([prompt, *rest])
    rest += [json.dumps(turn.opaque, ensure_ascii=False) for turn in turns if turn.opaque]
    asked = [[one.id, one.name, one.args] for turn in turns for one in turn.asked]
    offered = [[tool.name, tool.summary, tool.parameters] for tool in tools]
    frame = json.dumps([asked, offered], ensure_ascii=False)
    return "\n\n".join([*said_so_far(prompt, turns), *rest, frame])


def asked_for(id_: str, name: str, args: str) -> Asked:
    """Return a call whose arguments a model wrote as JSON; invalid JSON is returned to it as the call's result."""
    try:
        value = read_json(args or "{}").value
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Asked(id_, name, problem=f"the arguments are not a JSON object: {args[:200]}")
    return Asked(id_, name, value)


def wire_names(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """Return each tool's name as wires take it (letters, digits, '_' and '-'; 64 of them), each another one."""
    names: dict[str, str] = {}
    for tool in tools:
        name = _NOT_ON_THE_WIRE.sub("_", tool.name)[:64]
        taken = set(names.values())
        names[tool.name] = name if name not in taken else f"{name[:60]}_{len(taken)}"
    return names


def names_by_wire(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """Return the tools' names by those on the wire, for reading an answer."""
    return {wire: name for name, wire in wire_names(tools).items()}
