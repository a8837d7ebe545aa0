"""Loops: the nodes of a workflow with those inside of loops, the ids of their steps, and the names that they may use.

Step ``draft`` of the second iteration of the loop ``refine`` is ``refine~2/draft``. Ids of nodes are unique in the
whole workflow, so a node inside of a loop has a name of its own.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from schemas.spec.model import LoopConfig, LoopNode, Node, WorkflowSpec
from schemas.spec.references import LOOP, parse_reference

#: The names that every node of a body may use: the output of the iteration before, and the number of this one.
BODY_NAMES = frozenset({f"{LOOP}.previous", f"{LOOP}.iteration"})
#: The names of a loop's own condition: the output of the last iteration as well.
CONDITION_NAMES = BODY_NAMES | {f"{LOOP}.output"}
_STEP = re.compile(r"(?P<loop>[^~/]+)~(?P<number>[1-9][0-9]{0,3})/(?P<node>[^/\[]+)")


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes, each loop followed by the nodes of its body."""
    for node in nodes:
        yield node
        if isinstance(node, LoopNode):
            yield from node.config.body


def placed_nodes(spec: WorkflowSpec) -> Iterator[tuple[str, Node]]:
    """Yield every node of a workflow with its path in the document, such as ``dag.nodes[2].config.body[0]``."""
    for index, node in enumerate(spec.dag.nodes):
        path = f"dag.nodes[{index}]"
        yield path, node
        if isinstance(node, LoopNode):
            yield from ((f"{path}.config.body[{i}]", inner) for i, inner in enumerate(node.config.body))


def iteration_prefix(loop: str, number: int) -> str:
    """Return what the step ids of an iteration begin with. Iterations count from 1."""
    return f"{loop}~{number}/"


def iteration_step(step_id: str) -> tuple[str, int, str] | None:
    """Return the loop, the iteration and the node of a body's step, ``None`` for other steps and for parts of them."""
    match = _STEP.fullmatch(step_id) if "~" in step_id else None
    return None if match is None else (match["loop"], int(match["number"]), match["node"])


def all_outputs(loop: str) -> str:
    """Return the name of the outputs of all iterations of a loop."""
    return f"{loop}.outputs"


def with_outputs(above: Mapping[str, frozenset[str]], loops: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the names that nodes may use: their ancestors, and of those that are loops also all outputs."""
    if not loops:
        return dict(above)
    return {node: names | {all_outputs(one) for one in names if one in loops} for node, names in above.items()}


def output_node(config: LoopConfig) -> str | None:
    """Return the node of the body whose output is the iteration's; ``None`` where that is not clear."""
    if config.output is not None:
        reference = parse_reference(config.output)
        return None if reference is None or reference.path else reference.node
    sources = {edge.source for edge in config.edges}
    sinks = [node.id for node in config.body if node.id not in sources]
    return sinks[0] if len(sinks) == 1 else None
