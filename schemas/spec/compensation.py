"""Nodes that run after a run failed or was canceled, and the names that they may refer to.

``dag.on_failure`` and ``dag.on_cancel`` name their roots. These nodes, and those that edges lead to from them, are not
part of the graph that decides how the run ends.
"""

from collections.abc import Iterable, Mapping

from schemas.spec.model import WorkflowSpec

#: Names that a compensating node may use in addition to the run's inputs.
RUN_ERROR = frozenset({"run_error_code", "run_error_message"})


def compensating(spec: WorkflowSpec) -> frozenset[str]:
    """Return the nodes of a workflow that only compensate."""
    dag = spec.dag
    roots = [*dag.on_failure, *dag.on_cancel]
    return reached(roots, [(edge.source, edge.target) for edge in dag.edges]) if roots else frozenset()


def reached(roots: Iterable[str], edges: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return roots and every node that edges lead to from them."""
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    found = list(dict.fromkeys(roots))
    known = set(found)
    for node in found:
        fresh = [target for target in dict.fromkeys(after.get(node, ())) if target not in known]
        known.update(fresh)
        found += fresh
    return frozenset(known)


def widened(above: Mapping[str, frozenset[str]], apart: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return the nodes that each node may refer to: its ancestors; for a compensating node (``apart``) every other one,
    too.
    """
    normal = frozenset(above) - apart
    return {node: found | normal if node in apart else found for node, found in above.items()}
