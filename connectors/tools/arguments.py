"""Validates the arguments and configurations that nodes give to tools and functions."""

from collections.abc import Iterable, Iterator
from typing import Any

from connectors.tools.entries import Entry, ToolKind, check_config, misspelt_arguments, unknown_arguments
from connectors.tools.registry import Registry
from schemas.errors import Problem, StepError
from schemas.spec.check.nodes import queue_of
from schemas.spec.check.retries import retry_problems
from schemas.spec.loops import placed_nodes
from schemas.spec.model import FunctionNode, Node, ToolNode, WorkflowSpec


def argument_problems(spec: WorkflowSpec, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each argument, for the configuration, and for each code to retry on that a node's tool or
    function does not have.

    An unregistered tool or function is reported elsewhere, and one on a queue is known to the workers of that queue
    only.
    """
    yield from retry_problems(spec, registry.codes())
    for path, node in placed_nodes(spec):
        kind, name, fields = _call(node)
        yield from _not_loaded(path, node, registry)
        if kind is None or queue_of(node) is not None or name not in registry.names(kind):
            continue
        entry = registry.get(kind, name)
        for field, names in fields.items():
            for argument in names:
                for sentence in _sentences(entry, field, argument):
                    message, _, fix = sentence.partition("; ")
                    yield Problem(f"{path}.config.{field}.{argument}", message, fix)
        field, config = _config(node)
        try:
            check_config(entry, config)
        except StepError as exc:
            message, _, fix = str(exc).partition("; ")
            yield Problem(f"{path}.config.{field}", message, fix)


def _sentences(entry: Entry, field: str, argument: str) -> list[str]:
    """Return what is wrong with one argument. ``inputs`` of an open-ended call may have any names."""
    if entry.open_ended and field != "inputs":
        return misspelt_arguments(entry, [argument])
    return unknown_arguments(entry, [argument])


def _not_loaded(path: str, node: Node, registry: Registry) -> Iterator[Problem]:
    """Yield where a missing tool may be: in what could not be loaded."""
    kind, name, _ = _call(node)
    if kind is None or queue_of(node) is not None or name in registry.names(kind):
        return
    for problem in registry.problems:
        message, _, fix = problem.rpartition("; ")
        said = f"{name!r} may be in what was not loaded: {message}"
        yield Problem(f"{path}.config.{kind}_name", said, fix)


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
