"""Validates nodes without a worker: ``wait``, ``signal``, ``switch`` (see also ``flow``), ``agent`` and ``workflow``
(see also ``schemas.spec.nested``).
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson

from schemas.errors import Problem
from schemas.money import check_cents
from schemas.payload import INLINE_LIMIT
from schemas.spec.loops import every_node
from schemas.spec.model import (
    AgentNode,
    LoopNode,
    Node,
    SignalNode,
    SwitchNode,
    WaitConfig,
    WaitNode,
    WorkflowNode,
    WorkflowSpec,
)
from schemas.spec.references import parse_loop_reference, parse_reference, parse_template
from schemas.timestamps import parse_time


def dynamic_problems(path: str, node: Node) -> Iterator[Problem]:
    """Yield the problems that the document alone shows; nothing for other nodes. ``path`` is that of its config."""
    if isinstance(node, WaitNode):
        yield from _wait_problems(path, node.config)
    if isinstance(node, SignalNode) and len(orjson.dumps(node.config.default)) > INLINE_LIMIT:
        yield Problem(f"{path}.default", f"has over {INLINE_LIMIT // 1024} KiB", "make it smaller")
    if isinstance(node, WaitNode | SignalNode | SwitchNode | LoopNode):
        yield from _no_timeout(path, node, f"no worker executes a {node.type}")
    if isinstance(node, WorkflowNode) and node.config.detach:
        yield from _no_timeout(path, node, "a detached run is not waited for")
    if isinstance(node, AgentNode | WorkflowNode):
        yield from _cost_problems(f"{path}.max_cost_cents", node.config.max_cost_cents)
    if isinstance(node, WaitNode | SignalNode) and node.config.inputs is not None:
        yield Problem(f"{path}.inputs", f"a {node.type} has no inputs", "remove them")


def _cost_problems(path: str, cents: Decimal | None) -> Iterator[Problem]:
    try:
        check_cents(cents or Decimal(0))
    except ValueError as exc:
        yield Problem(path, str(exc), "write a higher amount, or leave it out")


def signal_names(spec: WorkflowSpec) -> frozenset[str]:
    """Return the signals that a workflow waits for."""
    return frozenset(node.config.name for node in every_node(spec.dag.nodes) if isinstance(node, SignalNode))


def signal_schemas(spec: WorkflowSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas of the data of signals, with their names."""
    for node in every_node(spec.dag.nodes):
        if isinstance(node, SignalNode) and node.config.input_schema is not None:
            yield node.config.name, node.config.input_schema


def _wait_problems(path: str, config: WaitConfig) -> Iterator[Problem]:
    if (config.duration_ms is None) == (config.until is None):
        both = "both" if config.until is not None else "neither"
        yield Problem(
            path, f"a wait needs either `duration_ms` or `until`, this one has {both}", "write exactly one of them"
        )
    until = config.until
    if until is None or parse_reference(until) is not None or parse_loop_reference(until) is not None:
        return
    if parse_template(until).variables:
        return
    try:
        parse_time(until)
    except ValueError as exc:
        yield Problem(f"{path}.until", str(exc), "write a time with its offset, {{run_input}} or <node>.output")


def _no_timeout(path: str, node: Node, why: str) -> Iterator[Problem]:
    if node.policy.timeout_ms is not None:
        where = f"{path.removesuffix('config')}policy.timeout_ms"
        fix = "write it in the config" if node.type == "signal" else "remove it"
        yield Problem(where, f"{why}, so there is nothing to time out", fix)
