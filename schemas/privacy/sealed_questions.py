"""What the rules of a workflow will ask of values that are sealed, and what they ask that cannot be answered. Pure.

Rules that decide read values: conditions, and the lengths of lists that nodes map over. In a run with a data subject no
rule can read a value, so each question is answered where the plain value is, before it is sealed: by the worker of
the one step whose output it is about, the door that takes the inputs, or the door that takes a signal. A question that
reads several sealed values has no such place, and neither has one about the outputs of a mapped node or of another run.

The names that a question uses lead to one node: of a loop that is the node that gives the output of an iteration.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from schemas.payload import PathPart
from schemas.privacy.wants import Want
from schemas.spec.check.flow import conditions_of
from schemas.spec.conditions import BadCondition, Condition, compile_condition
from schemas.spec.inputs.bound import bound_values, strings
from schemas.spec.loops import CONDITION_NAMES, all_outputs, every_node, output_node
from schemas.spec.model import (
    LoopNode,
    Node,
    SignalNode,
    SwitchNode,
    WaitNode,
    WorkflowNode,
    WorkflowSpec,
)
from schemas.spec.references import LOOP, parse_loop_reference, parse_reference, parse_template

#: How much of a condition is shown to people.
SHOWN = 100
#: Values that rules make themselves, and that are never sealed.
_OF_RULES = frozenset({"index", "run_error_code", "run_error_message"})


class Refused(NamedTuple):
    """What cannot be answered, in words with the fix; ``node`` asks it, and ``at`` is where in that node."""

    said: str
    node: str
    at: str


class _Asked(NamedTuple):
    """A condition, and where in its node it stands."""

    text: str
    at: str


@dataclass(slots=True)
class Questions:
    """What a workflow asks: ``wants`` by the node that answers them, ``signals`` by the name of the signal.

    ``conditions`` and ``lengths`` are about inputs. ``refused`` is what cannot be answered.
    """

    wants: dict[str, list[Want]] = field(default_factory=dict)
    signals: dict[str, list[Want]] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    lengths: list[tuple[str, tuple[PathPart, ...]]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def questions_of(spec: WorkflowSpec) -> Questions:
    """Return all that the rules of a workflow ask of outputs, signals and inputs."""
    found = Questions()
    top = {node.id: node for node in spec.dag.nodes}
    for node in spec.dag.nodes:
        _ask_node(found, _Names(top, None, node), node)
        if isinstance(node, LoopNode):
            for inner in node.config.body:
                _ask_node(found, _Names(top, node, inner), inner)
    return found


def wants_by_node(spec: WorkflowSpec) -> Mapping[str, tuple[Want, ...]]:
    """Return what is asked of each node's output; empty for nearly every workflow without conditions."""
    if not any(node.config.items is not None or any(conditions_of(node)) for node in every_node(spec.dag.nodes)):
        return {}
    return {node: tuple(wants) for node, wants in questions_of(spec).wants.items()}


@dataclass(frozen=True, slots=True)
class _Names:
    """Where the names lead that a node uses. A loop's own condition is asked inside of it."""

    top: Mapping[str, Node]
    loop: LoopNode | None
    node: Node

    @property
    def known(self) -> frozenset[str]:
        """All names that a condition here may use."""
        names = {*self.top, *(all_outputs(id_) for id_, node in self.top.items() if isinstance(node, LoopNode))}
        if self.loop is not None:
            names |= {inner.id for inner in self.loop.config.body}
        if self.loop is not None or isinstance(self.node, LoopNode):
            names |= CONDITION_NAMES
        return frozenset(names - {self.node.id})

    def giver(self, source: str) -> Node | None:
        """Return the node whose output ``source`` names, ``None`` where that is no single node."""
        if source.startswith(f"{LOOP}."):
            loop = self.loop or self.node
            return self._given(loop) if isinstance(loop, LoopNode) else None
        inside = {} if self.loop is None else {inner.id: inner for inner in self.loop.config.body}
        found = inside.get(source) or self.top.get(source)
        return None if found is None else self._given(found)

    @staticmethod
    def _given(node: Node) -> Node | None:
        if not isinstance(node, LoopNode):
            return node
        name = output_node(node.config) or node.config.body[-1].id
        return next((inner for inner in node.config.body if inner.id == name), None)

    def is_open(self, source: str) -> bool:
        """Return whether a value is never sealed, since the rules themselves make it."""
        if source == f"{LOOP}.iteration":
            return True
        giver = self.giver(source)
        return isinstance(giver, SwitchNode | WaitNode) or (isinstance(giver, WorkflowNode) and giver.config.detach)


def _ask_node(found: Questions, names: _Names, node: Node) -> None:
    for at, text in conditions_of(node, "config"):
        _ask_condition(found, names, node, _Asked(text, at))
    if node.config.items is not None:
        _ask_length(found, names, node, node.config.items)
    for where, text in _texts(node):
        if _has_inside(text):
            said = (
                f"{where.removeprefix('.')!r} of '{node.id}' puts an input inside of a text, and inputs are sealed; "
                "give the input as the whole value, and put the text together in the prompt or in a function"
            )
            found.refused.append(Refused(said, node.id, f"config{where}"))
    if isinstance(node, WaitNode) and node.config.until is not None and _is_bound(node.config.until):
        said = f"'{node.id}' waits until a time that is sealed; write the time, or use `duration_ms`"
        found.refused.append(Refused(said, node.id, "config.until"))
    if isinstance(node, WorkflowNode) and (node.config.parallel or _gives_parts(node)):
        said = (
            f"'{node.id}' gives another run a part of what is sealed; let a function return that part as its whole "
            "output, and give that"
        )
        found.refused.append(Refused(said, node.id, "config.inputs"))


def _ask_condition(found: Questions, names: _Names, node: Node, asked: _Asked) -> None:
    try:
        condition = compile_condition(asked.text, names.known)
    except BadCondition:
        # Registration refuses it with its own words.
        return
    read = _read(condition)
    sources = [source for source in read if not names.is_open(source)]
    reads_inputs = condition.inputs is None or bool(condition.inputs)
    if reads_inputs and not read:
        found.conditions.append(condition)
    elif reads_inputs:
        _refuse(found, node, asked, "it reads inputs together with outputs")
    elif sources and len(read) > 1:
        _refuse(found, node, asked, "it reads several values, each sealed by another process")
    elif sources:
        _want(found, names, node, sources[0], asked)


def _want(found: Questions, names: _Names, node: Node, source: str, asked: _Asked) -> None:
    giver = names.giver(source)
    want = Want(text=asked.text, source=source)
    if giver is None or giver.config.parallel:
        _refuse(found, node, asked, f"{source} is a list of outputs that are sealed one by one")
    elif isinstance(giver, WorkflowNode):
        _refuse(found, node, asked, f"{source} is the output of another run")
    elif isinstance(giver, SignalNode):
        found.signals.setdefault(giver.config.name, []).append(want)
    else:
        _add(found.wants.setdefault(giver.id, []), want)


def _add(wants: list[Want], want: Want) -> None:
    if want not in wants:
        wants.append(want)


def _read(condition: Condition) -> tuple[str, ...]:
    """Return the outputs that a condition reads. Words in its texts may look like the names of more nodes."""
    if len(condition.nodes) < 2:
        return tuple(source for source in condition.nodes if not _compiles(condition.text, ""))
    alone = [source for source in condition.nodes if _compiles(condition.text, source)]
    if len(alone) == len(condition.nodes):
        return ()
    return (alone[0],) if len(alone) == 1 else condition.nodes


@lru_cache(1_024)
def _compiles(text: str, source: str) -> bool:
    try:
        compile_condition(text, {source} if source else ())
    except BadCondition:
        return False
    return True


def _refuse(found: Questions, node: Node, asked: _Asked, why: str) -> None:
    said = (
        f"the condition {asked.text[:SHOWN]!r} of '{node.id}' cannot be decided before the data is sealed: {why}; "
        "let one function read all of it and return the answer, and ask for that alone"
    )
    found.refused.append(Refused(said, node.id, asked.at))


def _ask_length(found: Questions, names: _Names, node: Node, items: object) -> None:
    if not isinstance(items, str):
        return
    reference = parse_reference(items) or parse_loop_reference(items)
    if reference is not None and reference.source in names.known | {f"{LOOP}.previous"}:
        if reference.path:
            _ask_output_length(found, names, node, reference.source, reference.path)
        return
    only = parse_template(items).only
    if only is not None and only.name not in ("item", "index"):
        found.lengths.append((only.name, only.path))


def _ask_output_length(found: Questions, names: _Names, node: Node, source: str, path: tuple[PathPart, ...]) -> None:
    giver = names.giver(source)
    if names.is_open(source):
        return
    want = Want(path=list(path))
    if giver is None or giver.config.parallel or isinstance(giver, WorkflowNode):
        said = (
            f"'{node.id}' maps over a part of {source}.output, whose length nobody can say; let a function return that "
            "list as its whole output, and map over that"
        )
        found.refused.append(Refused(said, node.id, "config.items"))
    elif isinstance(giver, SignalNode):
        found.signals.setdefault(giver.config.name, []).append(want)
    else:
        _add(found.wants.setdefault(giver.id, []), want)


def _texts(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the bound strings of a node that are no reference, but for the time of a wait."""
    for path, value in bound_values(node):
        if path != ".until":
            yield from strings(value, path)


def _has_inside(text: str) -> bool:
    if parse_reference(text) is not None or parse_loop_reference(text) is not None:
        return False
    template = parse_template(text)
    return template.only is None and any(variable.name not in _OF_RULES for variable in template.variables)


def _is_bound(text: str) -> bool:
    return parse_reference(text) is not None or bool(parse_template(text).variables)


def _gives_parts(node: WorkflowNode) -> bool:
    for value in (node.config.inputs or {}).values():
        if isinstance(value, str):
            reference = parse_reference(value) or parse_loop_reference(value)
            only = parse_template(value).only
            if (reference is not None and reference.path) or (only is not None and only.path):
                return True
        elif isinstance(value, list | dict) and any(_is_bound(text) for _, text in strings(value, "")):
            return True
    return False
