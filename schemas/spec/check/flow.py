"""Validates control flow: joins, conditions, switches."""

from collections.abc import Collection, Iterable, Iterator

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.conditions import BadCondition, compile_condition
from schemas.spec.loops import CONDITION_NAMES, every_node
from schemas.spec.model import LoopNode, Node, SwitchConfig, SwitchNode
from schemas.spec.text.outline import Outline

#: Maximum characters of all conditions of a workflow: a run must not occupy its partition with decisions.
MAX_CONDITIONS = 40_000


def flow_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a node's control flow. ``path`` is that of the node."""
    yield from _join_problems(path, node, outline)
    path = f"{path}.config"
    for where, text in conditions_of(node, path):
        names = CONDITION_NAMES if where.endswith((".until", ".while")) else frozenset()
        yield from _condition_problems(where, text, node, outline, names)
    if isinstance(node, SwitchNode):
        yield from _switch_problems(path, node, outline)


def size_problems(nodes: Iterable[Node]) -> Iterator[Problem]:
    """Yield a problem if the conditions of a workflow are too long together."""
    total = sum(len(text) for node in every_node(nodes) for _, text in conditions_of(node))
    if total > MAX_CONDITIONS:
        said = f"the conditions have {total} characters together, the maximum is {MAX_CONDITIONS}"
        yield Problem("dag.nodes", said, "let functions decide, or split the workflow")


def targets(to: str | list[str] | None) -> tuple[str, ...]:
    """Return the nodes that a case of a switch, or its default, names."""
    return () if to is None else (to,) if isinstance(to, str) else tuple(to)


def conditions_of(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the conditions of a node with their paths; ``path`` is that of its config."""
    if node.config.condition is not None:
        yield f"{path}.condition", node.config.condition
    if isinstance(node, SwitchNode):
        for i, case in enumerate(node.config.cases):
            yield f"{path}.cases[{i}].when", case.when
    if isinstance(node, LoopNode):
        texts = {"until": node.config.until, "while": node.config.while_}
        yield from ((f"{path}.{name}", text) for name, text in texts.items() if text is not None)


def _join_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    if node.join is not None and not outline.before[node.id]:
        yield Problem(
            f"{path}.join",
            f"'{node.id}' has no predecessors to join",
            "remove `join`, or add edges that lead to it",
        )


def _condition_problems(path: str, text: str, node: Node, outline: Outline, names: frozenset[str]) -> Iterator[Problem]:
    if outline.cycle is not None:
        return  # the order of a graph with a cycle is undefined
    above = outline.above.get(node.id, frozenset()) | names
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
