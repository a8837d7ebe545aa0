"""The number of the decision rules that a workflow needs. A run keeps to the rules that it started with.

1. The rules of the first release.
2. Nodes of type ``loop``; ``{literal: "..."}`` in a bound value is that text.

A change of what the rules decide adds a number, its line above, and the test of a workflow that needs it. A
workflow that uses nothing newer keeps its number, so that older orchestrators still fold its runs.
"""

from collections.abc import Mapping
from typing import get_args

from schemas.spec.inputs.bound import has_literal
from schemas.spec.loops import every_node
from schemas.spec.model import NodeKind, WorkflowSpec

FIRST = 1
LOOPS = LITERALS = 2
#: The newest rules that there are.
NEWEST = LOOPS
#: The oldest rules that know a type of node.
_KNOWN_SINCE: Mapping[NodeKind, int] = {**dict.fromkeys(get_args(NodeKind), FIRST), "loop": LOOPS}


def rules_of(spec: WorkflowSpec) -> int:
    """Return the number of the rules for runs of a workflow: the oldest that decide it as is documented."""
    return max(
        max(_KNOWN_SINCE[node.type], LITERALS if has_literal(node) else FIRST) for node in every_node(spec.dag.nodes)
    )
