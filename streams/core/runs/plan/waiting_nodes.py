"""What the fold does by itself for a node that no worker works on. Data only; ``parked`` acts on it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.money import from_cents
from schemas.records.steps import LlmCall
from schemas.spec.model import AgentNode, Node, NodeKind, ResolvedSpec, SignalNode, WaitNode, WorkflowNode

#: What stands between the step id of an agent and that of its turns, which no other step id has.
TURN = "/turn-"
#: The types of nodes that no worker works on.
FOLDED: frozenset[NodeKind] = frozenset({"wait", "signal", "agent", "workflow"})


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


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a run of another workflow is made of: its definition, the inputs and the number of the rules that it needs,
    and the bytes of the definition as JSON. Nodes that run the same one share it."""

    resolved: ResolvedSpec
    required: frozenset[str]
    rules_version: int
    size: int


@dataclass(frozen=True, slots=True)
class Child:
    """A run of another workflow. ``only_inputs``: its inputs are what the node's ``inputs`` say and nothing else."""

    spec: ChildSpec
    detach: bool
    max_cost_nano: int | None
    only_inputs: bool


Dynamic = Wait | Signal | Agent | Child


def is_part(step_id: str) -> bool:
    """Return whether a step is part of an agent: a turn, or a call that one asked for."""
    return TURN in step_id


def compile_dynamic(node: Node, call: LlmCall | None = None, child: ChildSpec | None = None) -> Dynamic | None:
    """Return what the fold does for a node, ``None`` for one that a worker works on.

    ``call`` is an agent's, ``child`` what a node of type ``workflow`` runs.
    """
    match node:
        case WaitNode(config=config):
            return Wait(config.duration_ms)
        case SignalNode(config=config):
            return Signal(config.name, config.timeout_ms, config.default)
        case AgentNode(config=config) if call is not None:
            return Agent(call, tuple(config.tools), config.max_turns, _nano(config.max_cost_cents))
        case WorkflowNode(config=config) if child is not None:
            return Child(child, config.detach, _nano(config.max_cost_cents), config.inputs is not None)
        case _:
            return None


def _nano(cents: Decimal | None) -> int | None:
    return None if cents is None else from_cents(cents)


def dynamic_args(node: Node) -> dict[str, Any]:
    """Return what such a node binds beside its inputs, as written."""
    if isinstance(node, WaitNode) and node.config.duration_ms is None:
        return {"until": node.config.until}
    return {}
