"""What a step was given, from the definition of its run, the run's inputs and the outputs of other steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.payload import walk
from schemas.records.base import Json
from schemas.spec.inputs.bound import literal_of
from schemas.spec.model import LlmNode
from schemas.spec.references import parse_reference, parse_template

#: The names of a mapped child's item and of its place.
ITEM, INDEX = "item", "index"


@dataclass(frozen=True, slots=True)
class Given:
    """Where values are: ``inputs`` of the run, ``outputs`` by node (of a mapped one the list), ``before`` the node."""

    inputs: Mapping[str, Json]
    outputs: Callable[[str], Json]
    before: Sequence[str]


def values_of(node: LlmNode, names: Sequence[str], given: Given, index: int = -1) -> dict[str, Json]:
    """Return the values of a prompt's variables; ``index`` is that of a mapped node's child.

    Raises ``LookupError`` for a value that is nowhere.
    """
    scope = dict(given.inputs)
    if index >= 0:
        scope |= {ITEM: _items(node, given)[index], INDEX: index}
    return {name: _value(node, name, scope, given) for name in names}


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
        reference = parse_reference(value)
        if reference is not None:
            return walk(given.outputs(reference.node), list(reference.path))
        return parse_template(value).value(scope)
    if isinstance(value, list):
        return [_bound(one, scope, given) for one in value]
    if isinstance(value, dict):
        literal = literal_of(value)
        return literal if literal is not None else {key: _bound(one, scope, given) for key, one in value.items()}
    return value
