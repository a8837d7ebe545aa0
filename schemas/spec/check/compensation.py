"""Validates compensation: its roots, its edges, its nodes."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.model import Node
from schemas.spec.text.outline import Outline

_TYPES = frozenset({"llm", "tool", "function"})


def compensation_problems(outline: Outline) -> Iterator[Problem]:
    """Yield the problems of compensating nodes."""
    apart = outline.apart
    for field, roots in outline.after_end.items():
        yield from _root_problems(f"dag.{field}", roots, outline)
    if apart and apart >= set(outline.ids):
        yield Problem(
            "dag.nodes", "every node compensates, so the run itself has no work", "add a node that does the work"
        )
    for edge in outline.edges:
        if edge.target in apart and edge.source not in apart:
            yield Problem(
                f"dag.edges[{edge.index}]",
                f"'{edge.target}' compensates and '{edge.source}' does not",
                "remove the edge; inputs of compensating nodes may name the output of any node",
            )
    for found in outline.nodes:
        if found.id in apart and found.node is not None:
            yield from _node_problems(f"dag.nodes[{found.index}]", found.node)


def _root_problems(path: str, roots: tuple[str, ...], outline: Outline) -> Iterator[Problem]:
    for index, root in enumerate(roots):
        where = f"{path}[{index}]"
        if root not in outline.before:
            yield Problem(where, f"there is no node '{root}'", similar(root, set(outline.ids)))
        elif outline.before[root]:
            yield Problem(where, f"an edge leads to '{root}'", "name only nodes without incoming edges")
        if root in roots[:index]:
            yield Problem(where, f"'{root}' is named twice", "remove one")


def _node_problems(path: str, node: Node) -> Iterator[Problem]:
    said = f"'{node.id}' compensates"
    if node.type not in _TYPES:
        yield Problem(f"{path}.type", f"{said} and is of type {node.type}", "use llm, tool or function")
    if node.config.parallel:
        yield Problem(f"{path}.config.parallel", f"{said} and maps", "let one tool or function process the list")
    if node.config.condition is not None:
        yield Problem(f"{path}.config.condition", f"{said} and has a condition", "decide in the tool or function")
