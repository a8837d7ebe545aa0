"""Is what steers a node right: its join."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec import Node
from schemas.spec_outline import Outline


def join_problems(index: int, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield what is wrong with a node's join."""
    if node.join is not None and not outline.before[node.id]:
        yield Problem(
            f"dag.nodes[{index}].join",
            f"'{node.id}' has no predecessors, so there is nothing to join",
            "remove `join`, or add edges that lead to it",
        )
