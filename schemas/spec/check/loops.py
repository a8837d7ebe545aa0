"""Validates loops: their condition, their body, its output, and the ids inside."""

import re
from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.loops import output_node
from schemas.spec.model import MAX_NODES, MAX_PARALLEL, LoopConfig, LoopNode
from schemas.spec.references import LOOP, parse_reference
from schemas.spec.text.outline import Outline

#: What follows the id of an agent, or of a map, in the ids of their own steps.
_STEP_NAMES = re.compile(r"turn-[0-9]+|gather")


def loop_problems(path: str, node: LoopNode, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a loop that are not those of its nodes. ``path`` is that of the node."""
    config, where = node.config, f"{path}.config"
    if (config.until is None) == (config.while_ is None):
        both = "both" if config.until is not None else "neither"
        yield Problem(
            where, f"a loop needs either `until` or `while`, this one has {both}", "write exactly one of them"
        )
    for name, used in (("inputs", config.inputs is not None), ("parallel", config.parallel)):
        if used:
            yield Problem(
                f"{where}.{name}", f"a loop has no `{name}`: nodes of its body name what they read", "remove it"
            )
    steps = config.max_iterations * len(config.body)
    if steps > MAX_PARALLEL:
        said = f"{config.max_iterations} iterations of {len(config.body)} nodes are {steps} steps"
        yield Problem(f"{where}.max_iterations", f"{said}, the maximum is {MAX_PARALLEL}", "allow fewer iterations")
    yield from _output_problems(f"{where}.output", config, node.id)
    for index, inner in enumerate(config.body):
        if inner.config.parallel:
            said = f"'{inner.id}' is inside of a loop, where no node maps"
            fix = "let one function process the list, or map in a workflow that a node of the body runs"
            yield Problem(f"{where}.body[{index}].config.parallel", said, fix)
    yield from _id_problems(f"{where}.body", node, outline)


def loops_problems(outline: Outline) -> Iterator[Problem]:
    """Yield the problems that loops have together, or with the nodes around them."""
    if not outline.inner:
        return
    for found in outline.nodes:
        if found.id == LOOP:
            said = f"'{LOOP}' is reserved: in the body of a loop it is that loop"
            yield Problem(f"{outline.path}[{found.index}].id", said, "use another id")
    total = len(outline.nodes) + sum(len(body.nodes) for body in outline.inner.values())
    if total > MAX_NODES:
        said = f"there are {total} nodes with those inside of loops, the maximum is {MAX_NODES}"
        yield Problem(outline.path, said, "split the workflow")


def _output_problems(path: str, config: LoopConfig, loop: str) -> Iterator[Problem]:
    ids = [node.id for node in config.body]
    found = output_node(config)
    if config.output is None and found is None:
        said = f"the body of '{loop}' has several last nodes, or none, so its output is ambiguous"
        yield Problem(path, said, f"add `output: {ids[-1]}.output`, or name another node")
    elif found is None:
        reference = parse_reference(str(config.output))
        name = ids[-1] if reference is None else reference.node
        yield Problem(path, f"'{config.output}' is not the whole output of a node", f"write {name}.output")
    elif found not in ids:
        yield Problem(path, f"the body of '{loop}' has no node '{found}'", similar(found, ids))


def _id_problems(path: str, loop: LoopNode, outline: Outline) -> Iterator[Problem]:
    taken: dict[str, str] = {id_: f"the workflow's node '{id_}'" for id_ in outline.ids}
    for other, body in outline.inner.items():
        if other == loop.id:
            break
        taken |= dict.fromkeys(body.ids, f"a node inside of '{other}'")
    for index, node in enumerate(loop.config.body):
        where = f"{path}[{index}].id"
        if node.id in taken:
            said = f"the id '{node.id}' is taken by {taken[node.id]}"
            yield Problem(where, said, "give each node its own id, also inside of loops")
        elif node.id == LOOP or _STEP_NAMES.fullmatch(node.id):
            yield Problem(where, f"'{node.id}' is reserved inside of loops", "use another id")
