"""Validates the arguments and configurations that nodes give to tools and functions."""

from collections.abc import Iterable, Iterator
from typing import Any

from connectors.tools.entries import ToolKind, check_config, unknown_arguments
from connectors.tools.registry import Registry
from schemas.errors import Problem, StepError
from schemas.spec.check.nodes import queue_of
from schemas.spec.loops import placed_nodes
from schemas.spec.model import FunctionNode, Node, ToolNode, WorkflowSpec


def argument_problems(spec: WorkflowSpec, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each argument, and for the configuration, that a node's tool or function does not accept.

    An unregistered tool or function is reported elsewhere, and one on a queue is known to the workers of that queue
    only.
    """
    for path, node in placed_nodes(spec):
        kind, name, fields = _call(node)
        if kind is None or queue_of(node) is not None or name not in registry.names(kind):
            continue
        entry = registry.get(kind, name)
        for field, names in fields.items():
            for argument in names:
                for sentence in unknown_arguments(entry, [argument]):
                    message, _, fix = sentence.partition("; ")
                    yield Problem(f"{path}.config.{field}.{argument}", message, fix)
        field, config = _config(node)
        try:
            check_config(entry, config)
        except StepError as exc:
            message, _, fix = str(exc).partition("; ")
            yield Problem(f"{path}.config.{field}", message, fix)


def _config(node: Node) -> tuple[str, dict[str, Any]]:
    if isinstance(node, ToolNode):
        return "tool_config", node.config.tool_config
    return "function_config", node.config.function_config if isinstance(node, FunctionNode) else {}


def _call(node: Node) -> tuple[ToolKind | None, str, dict[str, Iterable[str]]]:
    inputs = node.config.inputs or {}
    if isinstance(node, ToolNode):
        return "tool", node.config.tool_name, {"inputs": inputs, "tool_args": node.config.tool_args}
    if isinstance(node, FunctionNode):
        return "function", node.config.function_name, {"inputs": inputs, "function_args": node.config.function_args}
    return None, "", {}
