"""The number of the decision rules that a workflow needs. A run keeps to the rules that it started with.

1. Every node runs when all its predecessors succeeded; the first failure fails the run.
2. Joins, conditions, optional nodes, nodes that no worker works on, queues; runs that begin with results of another
   one.
3. Mapped nodes ask for so many children at once, say what a failed child does, and gather large outputs. Nodes that
   compensate run after a run has failed or was canceled.
4. Limits of a run: how many of its steps are open at once, and its deadline. Attempts whose outcome is unknown.
5. Nodes that run another workflow, and the runs that they start: whoever folds one of those must tell its parent.
6. A run that waits for its admission (``RunSubmitted.turns``), whatever its workflow needs.
7. Inputs of a run that are stored outside of its record. It is the run that needs these, not its workflow.
8. Pictures that a model is shown (``images``).
9. Turns and calls of agents take places of their run, where it has a limit of them.

A workflow that uses nothing newer has number 1, so what is older than a rule still reads what does not need it. Whoever
adds a rule adds its number, the test of a node that needs it, and its line above.
"""

from schemas.spec.check.nodes import queue_of
from schemas.spec.model import AgentNode, LlmNode, Node, WorkflowSpec

PLAIN = 1
SETTLED = 2
MAPS = 3
LIMITS = 4
CHILDREN = 5
TURNS = 6
REFERENCES = 7
IMAGES = 8
PARTS = 9
#: The newest rules that there are.
SEMANTICS = PARTS
#: The types of nodes that were there from the start.
_FIRST = frozenset({"llm", "tool", "function"})


def semantics_of(spec: WorkflowSpec) -> int:
    """Return the number of the rules for new runs of a workflow: the oldest that decide it as is documented."""
    return max([PLAIN, _graph_asks_for(spec), *map(_asks_for, spec.dag.nodes)])


def least_semantics_of(spec: WorkflowSpec) -> int:
    """Return the number of the oldest rules that know all that a workflow says: logs have runs of it with these."""
    return max([PLAIN, _graph_needs(spec), *map(_needs, spec.dag.nodes)])


def _graph_asks_for(spec: WorkflowSpec) -> int:
    limited = spec.dag.max_parallel is not None and any(node.type == "agent" for node in spec.dag.nodes)
    return PARTS if limited else _graph_needs(spec)


def _graph_needs(spec: WorkflowSpec) -> int:
    if spec.dag.max_parallel is not None or spec.dag.deadline_ms is not None:
        return LIMITS
    return MAPS if spec.dag.on_failure or spec.dag.on_cancel else PLAIN


def _asks_for(node: Node) -> int:
    return max(MAPS, _needs(node)) if node.config.parallel else _needs(node)


def _needs(node: Node) -> int:
    if node.type == "workflow":
        return CHILDREN
    if isinstance(node, LlmNode | AgentNode) and node.config.images:
        return IMAGES
    if node.policy.priority != 0 or node.policy.on_unknown != "retry":
        return LIMITS
    config = node.config
    if config.max_parallel is not None or config.on_child_error != "fail":
        return MAPS
    flow = node.join is not None or node.policy.optional or config.condition is not None
    return SETTLED if flow or node.type not in _FIRST or queue_of(node) is not None else PLAIN
