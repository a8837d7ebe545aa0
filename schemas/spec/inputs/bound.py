"""The values that a node binds: references, templates and literals, at any depth of its inputs and arguments."""

from collections.abc import Iterator

from schemas.records.base import Json
from schemas.spec.model import FunctionNode, Node, ToolNode, WaitNode

LITERAL = "literal"


def literal_of(value: Json) -> str | None:
    """Return the text of ``{literal: "..."}``, which is handed on as it is; ``None`` for any other value."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    text = value.get(LITERAL)
    return text if isinstance(text, str) else None


def texts(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every bound string of a node, with its path. Literals are left out."""
    for where, value in bound_values(node, path):
        yield from strings(value, where)


def has_literal(node: Node) -> bool:
    """Return true if a node binds a literal, at any depth."""
    return any(_has_literal(value) for _, value in bound_values(node))


def bound_values(node: Node, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every value that a node binds, with its path: of ``inputs`` and arguments each one by itself."""
    config = node.config
    yield from _named(config.inputs, f"{path}.inputs")
    if config.items is not None:
        yield f"{path}.items", config.items
    if isinstance(node, ToolNode):
        yield from _named(node.config.tool_args, f"{path}.tool_args")
    elif isinstance(node, FunctionNode):
        yield from _named(node.config.function_args, f"{path}.function_args")
    elif isinstance(node, WaitNode) and node.config.until is not None:
        yield f"{path}.until", node.config.until


def strings(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """Yield every string of a value, with its path. Literals are left out."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        if literal_of(value) is None:
            for name, child in value.items():
                yield from strings(child, f"{path}.{name}")
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from strings(child, f"{path}[{i}]")


def _named(values: dict[str, Json] | None, path: str) -> Iterator[tuple[str, Json]]:
    for name, value in (values or {}).items():
        yield f"{path}.{name}", value


def _has_literal(value: Json) -> bool:
    if isinstance(value, dict):
        return literal_of(value) is not None or any(_has_literal(child) for child in value.values())
    return isinstance(value, list) and any(_has_literal(child) for child in value)
