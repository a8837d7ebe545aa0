"""What the fold does by itself for a node that no worker works on. Data only; ``parked`` acts on it."""

from dataclasses import dataclass
from typing import Any

from schemas.money import from_cents
from schemas.records.steps import LlmCall
from schemas.spec import AgentNode, Node, NodeKind, SignalNode, WaitNode

#: The types of nodes that no worker works on.
FOLDED: frozenset[NodeKind] = frozenset({"wait", "signal", "agent"})


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause of ``duration_ms``, or up to the time that the argument ``until`` names."""

    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Signal:
    """An event from outside; ``default`` is what the step gives when it did not come in time, ``None``: it fails."""

    name: str
    timeout_ms: int | None
    default: Any


@dataclass(frozen=True, slots=True)
class Agent:
    """A model that calls tools until it answers."""

    call: LlmCall
    tools: tuple[str, ...]
    max_turns: int
    max_cost_nano: int | None


Dynamic = Wait | Signal | Agent


def compile_dynamic(node: Node, call: LlmCall | None = None) -> Dynamic | None:
    """Return what the fold does for a node, ``None`` for one that a worker works on. ``call`` is an agent's."""
    match node:
        case WaitNode(config=config):
            return Wait(config.duration_ms)
        case SignalNode(config=config):
            return Signal(config.name, config.timeout_ms, config.default)
        case AgentNode(config=config) if call is not None:
            cap = config.max_cost_cents
            return Agent(call, tuple(config.tools), config.max_turns, None if cap is None else from_cents(cap))
        case _:
            return None


def dynamic_args(node: Node) -> dict[str, Any]:
    """Return what such a node binds beside its inputs, as written."""
    if isinstance(node, WaitNode) and node.config.duration_ms is None:
        return {"until": node.config.until}
    return {}
