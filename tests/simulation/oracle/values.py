"""What a step gets, by its workflow and the recorded outputs alone: a second reading of the rules for references.

It knows what the workflows of the simulation use: ``node.output`` with or without an index, ``{{item}}``, literals,
lists of them, and ``{{name}}`` for an input of the run.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from schemas.payload import Inline
from schemas.records.run_views import StepView
from schemas.spec.model import Node
from tests.simulation.oracle.ends import apart
from tests.simulation.oracle.history import Inside, Moment, Story

NOTHING = object()
_NO_INPUTS: Mapping[str, Any] = {}
_REFERENCE = re.compile(r"(?P<node>\w+)\.(?P<what>output|outputs|previous|iteration)(?P<path>(?:\.\d+)*)")
#: Returns a node's output as of some moment.
Outputs = Callable[[str], Any]


def value(step: StepView | None) -> Any:
    """Return a step's output as JSON."""
    return step.output.value if step is not None and isinstance(step.output, Inline) else None


def output(story: Story, node_id: str) -> Any:
    """Return the recorded output of a node; of a mapped one the list of its children's, null where there is none.

    ``r.outputs`` is the list of a loop's iterations' outputs.
    """
    if node_id.endswith(".outputs"):
        return iteration_outputs(story, node_id.removesuffix(".outputs"))
    step, node = story.last(node_id), story.nodes[node_id]
    if step is None or step.state != "succeeded":
        return None
    if not node.config.parallel:
        return value(step)
    children, on_error = [], node.config.on_child_error
    while (child := story.last(f"{node_id}[{len(children)}]")) is not None:
        children.append(_collected(child) if child.state == "failed" else value(child))
        if child.state == "failed" and on_error == "skip":
            children[-1] = NOTHING
    return [child for child in children if child is not NOTHING]


def iteration_outputs(story: Story, loop: str) -> list[Any] | None:
    """Return the outputs of a loop's iterations; ``None`` of a loop that gave none."""
    step = story.last(loop)
    if step is None or step.state != "succeeded":
        return None
    return [iteration_output(inside) for (of, _), inside in sorted(story.iterations.items()) if of == loop]


def iteration_output(inside: Inside) -> Any:
    """Return the output of an iteration: that of the node that its loop names, or of its only last node."""
    sources = {edge.source for edge in inside.edges}
    named = inside.config.output
    last = [node for node in inside.nodes if node not in sources]
    return output(inside, last[0] if named is None else named.removesuffix(".output"))


def _collected(child: StepView) -> Any:
    assert child.error is not None
    return {"error": {"code": child.error.code, "message": child.error.message}}


def before(story: Story, node_id: str) -> list[str]:
    """Return the predecessors of a node, in the order of the workflow."""
    edges = [edge.source for edge in story.edges if edge.target == node_id]
    return [node for node in story.nodes if node in edges]


class Unsure(Exception):
    """The views do not say what was settled at a moment."""


def as_of(story: Story, node_id: str, moment: Moment) -> Outputs:
    """Return the outputs that a node sees which is asked for, or decided, at a moment. They raise ``Unsure``."""
    inner = _as_of(story, node_id, moment)
    if not isinstance(story, Inside):
        return inner
    around = as_of(story.around, story.loop, story.around.steps[story.loop][0])
    before_it = story.around.iterations.get((story.loop, story.number - 1))
    own = {"loop.previous": None if before_it is None else iteration_output(before_it), "loop.iteration": story.number}
    return lambda source: inner(source) if source in story.nodes else own[source] if source in own else around(source)


def _as_of(story: Story, node_id: str, moment: Moment) -> Outputs:
    if not _is_early(story, node_id):
        return lambda source: output(story, source)

    def at(source: str) -> Any:
        settled = story.settled(source)
        if settled is None or settled.since > moment.version:
            return None
        if settled.version <= moment.since:
            return output(story, source)
        raise Unsure

    return at


def _is_early(story: Story, node_id: str) -> bool:
    """Whether a node may begin while others before it are still open: by a hasty join, its own or one before."""
    found, more = set(), {node_id}
    while more:
        found |= more
        more = {source for one in more for source in before(story, one)} - found
    return any(story.nodes[one].join in ("any", "all") for one in found) and (
        isinstance(story, Inside) or node_id not in apart(story)
    )


def args(story: Story, step: StepView, outputs: Outputs) -> dict[str, Any]:
    """Return the arguments of a step."""
    node = story.nodes[step.node_id]
    item, index = _item(story, node, step, outputs)
    found = {} if node.config.inputs is not None or before(story, node.id) else _of_run(story, node.id)
    if node.config.inputs is not None:
        inputs = story.run.inputs
        found |= {name: bound(raw, outputs, item, index, inputs) for name, raw in node.config.inputs.items()}
    else:
        mapped = _mapped_over(story, node)
        found |= {source: outputs(source) for source in before(story, node.id) if source != mapped}
    return found if index is None else {"item": item, "index": index} | found


def _of_run(story: Story, node_id: str) -> dict[str, Any]:
    inputs = dict(story.run.inputs)
    if not isinstance(story, Inside) and node_id in apart(story):
        error = story.newest.error if story.newest is not None else None
        inputs |= {"run_error_code": error.code if error else "", "run_error_message": error.message if error else ""}
    return inputs


def _mapped_over(story: Story, node: Node) -> str | None:
    sources = before(story, node.id)
    return sources[0] if node.config.parallel and node.config.items is None and len(sources) == 1 else None


def _item(story: Story, node: Node, step: StepView, outputs: Outputs) -> tuple[Any, int | None]:
    if not node.config.parallel or step.step_id == node.id:
        return None, None
    index = int(step.step_id.rpartition("[")[2].removesuffix("]"))
    source = _mapped_over(story, node)
    items = node.config.items if source is None else outputs(source)
    return bound(items[index], outputs, None, None) if index < len(items) else NOTHING, index


def count(story: Story, node: Node, outputs: Outputs) -> int:
    """Return how many children a mapped node has."""
    source = _mapped_over(story, node)
    items = node.config.items if source is None else outputs(source)
    return len(items or [])


def bound(raw: Any, outputs: Outputs, item: Any, index: int | None, inputs: Mapping[str, Any] = _NO_INPUTS) -> Any:
    """Return what a value of the document becomes."""
    if isinstance(raw, list):
        return [bound(one, outputs, item, index, inputs) for one in raw]
    if isinstance(raw, str) and raw.startswith("{{") and raw[2:-2] in inputs:
        return inputs[raw[2:-2]]
    if not isinstance(raw, str):
        return raw
    if raw == "{{item}}" and index is not None:
        return item
    named = _REFERENCE.fullmatch(raw)
    if named is None:
        return raw
    node, what, path = named["node"], named["what"], named["path"]
    found = outputs(node if what == "output" else f"{node}.{what}")
    for part in path.split(".")[1:]:
        found = None if found is None else found[int(part)]
    return found


def holds(condition: str, outputs: Outputs, names: list[str]) -> bool:
    """Return whether a condition of the simulation's workflows holds; what cannot be compared does not."""
    text = condition.replace("||", "or").replace("null", "None")
    scope = {name: type("Node", (), {"output": outputs(name)}) for name in names}
    if "loop." in text:
        names = [name for name in ("output", "previous", "iteration") if f"loop.{name}" in text]
        scope["loop"] = type("Loop", (), {name: outputs(f"loop.{name}") for name in names})
    try:
        return bool(eval(text, {"__builtins__": {}}, scope))
    except TypeError:
        return False
