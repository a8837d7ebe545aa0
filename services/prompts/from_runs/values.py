"""What a step was given, from the definition of its run, the run's inputs and the outputs of other steps.

The same walk finds values and their labels: ``values_of`` the one, ``labels_of`` the other.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.labels.label import TRUSTED, Label, joined
from schemas.labels.mapped import Labels
from schemas.payload import walk
from schemas.records.base import Json
from schemas.spec.inputs.bound import literal_of
from schemas.spec.model import LlmNode
from schemas.spec.references import Reference, parse_loop_reference, parse_reference, parse_template

#: The names of a mapped child's item and of its place.
ITEM, INDEX = "item", "index"


@dataclass(frozen=True, slots=True)
class Given:
    """Where values are: ``inputs`` of the run, ``outputs`` by node (of a mapped one the list), ``before`` the node.

    ``loops`` are the names that only loops know, such as ``loop.previous``; ``outputs`` has them, too.
    """

    inputs: Mapping[str, Json]
    outputs: Callable[[str], Json]
    before: Sequence[str]
    loops: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Marked:
    """Where labels are: of the run's ``inputs`` as one value, and of ``outputs`` as in ``Given``."""

    inputs: Labels
    outputs: Callable[[str], Labels]
    before: Sequence[str]
    loops: Collection[str] = ()


def values_of(node: LlmNode, names: Sequence[str], given: Given, index: int = -1) -> dict[str, Json]:
    """Return the values of a prompt's variables; ``index`` is that of a mapped node's child.

    Raises ``LookupError`` for a value that is nowhere.
    """
    scope = dict(given.inputs)
    if index >= 0:
        scope |= {ITEM: _items(node, given)[index], INDEX: index}
    return {name: _value(node, name, scope, given) for name in names}


def labels_of(node: LlmNode, names: Sequence[str], marked: Marked, *, is_child: bool = False) -> dict[str, Label]:
    """Return the label of each of these values, for who reads it whole. An item has that of all items.

    Raises ``LookupError`` for what is nowhere.
    """
    item = _items_label(node, marked) if is_child else TRUSTED
    return {name: _label(node, name, marked, item) for name in names}


def _items(node: LlmNode, given: Given) -> Sequence[Any]:
    items = node.config.items
    found = given.outputs(given.before[0]) if items is None else _bound(items, given.inputs, given)
    if isinstance(found, list):
        return found
    raise LookupError(f"the items of {node.id} are no list")


def _value(node: LlmNode, name: str, scope: Mapping[str, Json], given: Given) -> Json:
    bound = node.config.inputs
    if bound is not None and name in bound:
        return _bound(bound[name], scope, given)
    if bound is None and name in given.before:
        return given.outputs(name)
    if (bound is None and not given.before) or name in (ITEM, INDEX):
        return scope[name]
    raise LookupError(f"{node.id} is given no {name}")


def _bound(value: Json, scope: Mapping[str, Json], given: Given) -> Json:
    if isinstance(value, str):
        reference = _reference(value, given.loops)
        if reference is not None:
            return walk(given.outputs(reference.source), list(reference.path))
        return parse_template(value).value(scope)
    if isinstance(value, list):
        return [_bound(one, scope, given) for one in value]
    if isinstance(value, dict):
        literal = literal_of(value)
        return literal if literal is not None else {key: _bound(one, scope, given) for key, one in value.items()}
    return value


def _items_label(node: LlmNode, marked: Marked) -> Label:
    items = node.config.items
    return marked.outputs(marked.before[0]).whole if items is None else _joined(items, marked, TRUSTED)


def _label(node: LlmNode, name: str, marked: Marked, item: Label) -> Label:
    bound = node.config.inputs
    if bound is not None and name in bound:
        return _joined(bound[name], marked, item)
    if name in (ITEM, INDEX):
        return item
    if bound is None and name in marked.before:
        return marked.outputs(name).whole
    return marked.inputs.at((name,)).whole


def _joined(value: Json, marked: Marked, item: Label) -> Label:
    """Return the label of what a binding gives: of all that it is made of."""
    return joined(_parts(value, marked, item))


def _parts(value: Json, marked: Marked, item: Label) -> Iterator[Label]:
    if isinstance(value, str):
        reference = _reference(value, marked.loops)
        if reference is not None:
            yield marked.outputs(reference.source).at(tuple(reference.path)).whole
            return
        for one in parse_template(value).variables:
            yield item if one.name in (ITEM, INDEX) else marked.inputs.at((one.name, *one.path)).whole
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each, marked, item)
    elif isinstance(value, dict) and literal_of(value) is None:
        for each in value.values():
            yield from _parts(each, marked, item)


def _reference(text: str, loops: Collection[str]) -> Reference | None:
    """Return the reference that a text is; a loop's names are references only where they are known."""
    found = parse_reference(text)
    if found is not None or not loops:
        return found
    found = parse_loop_reference(text)
    return found if found is not None and found.source in loops else None
