"""Whether the tools and functions of a workflow take the arguments that its nodes name."""

from collections.abc import Iterable, Iterator

from connectors.tools.registry import Registry, ToolKind, unknown_arguments
from schemas.errors import Problem
from schemas.spec import FunctionNode, Node, ToolNode, WorkflowSpec


def argument_problems(spec: WorkflowSpec, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each argument that a node names and its tool or function does not take.

    A tool or function that is not registered is somebody else's problem to tell.
    """
    for index, node in enumerate(spec.dag.nodes):
        kind, name, fields = _call(node)
        if kind is None or name not in registry.names(kind):
            continue
        entry = registry.get(kind, name)
        for field, names in fields.items():
            for argument in names:
                for sentence in unknown_arguments(entry, [argument]):
                    message, _, fix = sentence.partition("; ")
                    yield Problem(f"dag.nodes[{index}].config.{field}.{argument}", message, fix)


def _call(node: Node) -> tuple[ToolKind | None, str, dict[str, Iterable[str]]]:
    inputs = node.config.inputs or {}
    if isinstance(node, ToolNode):
        return "tool", node.config.tool_name, {"inputs": inputs, "tool_args": node.config.tool_args}
    if isinstance(node, FunctionNode):
        return "function", node.config.function_name, {"inputs": inputs, "function_args": node.config.function_args}
    return None, "", {}
