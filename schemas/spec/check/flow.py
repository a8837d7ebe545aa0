"""Validates control flow: joins, conditions, switches."""

from collections.abc import Collection, Iterable, Iterator

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.conditions import BadCondition, compile_condition
from schemas.spec.model import Node, SwitchConfig, SwitchNode
from schemas.spec.outline import Outline

#: Maximum characters of all conditions of a workflow: a run must not occupy its partition with decisions.
MAX_CONDITIONS = 40_000


def flow_problems(index: int, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a node's control flow."""
    yield from _join_problems(index, node, outline)
    path = f"dag.nodes[{index}].config"
    for where, text in _conditions(path, node):
        yield from _condition_problems(where, text, node, outline)
    if isinstance(node, SwitchNode):
        yield from _switch_problems(path, node, outline)


def size_problems(nodes: Iterable[Node]) -> Iterator[Problem]:
    """Yield a problem if the conditions of a workflow are too long together."""
    total = sum(len(text) for node in nodes for _, text in _conditions("", node))
    if total > MAX_CONDITIONS:
        said = f"the conditions have {total} characters together, the maximum is {MAX_CONDITIONS}"
        yield Problem("dag.nodes", said, "let functions decide, or split the workflow")


def targets(to: str | list[str] | None) -> tuple[str, ...]:
    """Return the nodes that a case of a switch, or its default, names."""
    return () if to is None else (to,) if isinstance(to, str) else tuple(to)


def _conditions(path: str, node: Node) -> Iterator[tuple[str, str]]:
    if node.config.condition is not None:
        yield f"{path}.condition", node.config.condition
    if isinstance(node, SwitchNode):
        for i, case in enumerate(node.config.cases):
            yield f"{path}.cases[{i}].when", case.when


def _join_problems(index: int, node: Node, outline: Outline) -> Iterator[Problem]:
    if node.join is not None and not outline.before[node.id]:
        yield Problem(
            f"dag.nodes[{index}].join",
            f"'{node.id}' has no predecessors to join",
            "remove `join`, or add edges that lead to it",
        )


def _condition_problems(path: str, text: str, node: Node, outline: Outline) -> Iterator[Problem]:
    if outline.cycle is not None:
        return  # the order of a graph with a cycle is undefined
    above = outline.above.get(node.id, frozenset())
    try:
        compile_condition(text, above)
    except BadCondition as exc:
        yield Problem(path, str(exc), _hint(exc, node, above, outline))


def _hint(exc: BadCondition, node: Node, above: Collection[str], outline: Outline) -> str:
    """Return the fix for a condition. One that names a node of another branch lacks an edge."""
    name = exc.unknown.partition(".")[0]
    if name in outline.ids and name not in above and name != node.id:
        return f"add an edge that leads from '{name}' to '{node.id}'"
    return exc.fix


def _switch_problems(path: str, node: SwitchNode, outline: Outline) -> Iterator[Problem]:
    config = node.config
    after = [id_ for id_ in outline.ids if node.id in outline.before[id_]]
    for i, case in enumerate(config.cases):
        yield from _target_problems(f"{path}.cases[{i}].to", targets(case.to), node, after)
    yield from _target_problems(f"{path}.default", targets(config.default), node, after)
    yield from _unused_problems(path, config)


def _target_problems(path: str, named: Iterable[str], node: SwitchNode, after: list[str]) -> Iterator[Problem]:
    for target in named:
        if target not in after:
            fix = f"add an edge from '{node.id}' to '{target}', or name a successor: {similar(target, after)}"
            yield Problem(path, f"'{target}' does not follow '{node.id}' directly", fix)


def _unused_problems(path: str, config: SwitchConfig) -> Iterator[Problem]:
    for name, used in (("inputs", config.inputs is not None), ("parallel", config.parallel)):
        if used:
            yield Problem(
                f"{path}.{name}",
                f"a switch has no `{name}`: its conditions name the outputs that they read",
                "remove it",
            )
