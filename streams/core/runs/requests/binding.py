"""What a step is called with: the arguments of a node, and the items that a mapped node maps over."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas import payload as payloads
from schemas.privacy.sealed import length_key
from schemas.prompts.texts import known_names
from schemas.records.base import Json
from schemas.records.steps import Link, LlmCall
from schemas.spec.references import Reference
from streams.core.runs.plan.arguments import (
    INDEX,
    ITEM,
    BindingError,
    Constant,
    Datum,
    Far,
    ListOf,
    Near,
    OutputOf,
    Outputs,
    Scope,
    Text,
    Value,
    bind,
    far_variable,
    find,
    of_payload,
    place,
)
from streams.core.runs.plan.model import PlanNode


@dataclass(frozen=True, slots=True)
class Items:
    """What a mapped node maps over: how many, and the item at an index."""

    count: int
    at: Callable[[int], Datum]


def bind_args(node: PlanNode, scope: Scope) -> tuple[dict[str, Json], list[Link]]:
    """Return a step's arguments and the links to fill in. What the document binds wins over what comes by itself.

    Raises ``BindingError``.
    """
    links: list[Link] = []
    args: dict[str, Json] = dict(scope.inputs) if node.takes_run_inputs else {}
    named = node.arg_names
    if node.takes_run_inputs and scope.stored:
        _link_inputs(node, scope, links)
    if scope.item is not None:
        if ITEM not in named:
            args[ITEM] = place(scope.item, [ITEM], links)
        if INDEX not in named:
            args[INDEX] = scope.index
    for name, value in node.args:
        args[name] = bind(value, scope, [name], links)
    return args, links


def _link_inputs(node: PlanNode, scope: Scope, links: list[Link]) -> None:
    """Link the stored inputs that come by themselves; for a model only those that its template names."""
    call = node.call
    wanted = None if call is None else _names(call).union(*(_names(other.call) for other in node.others.values()))
    own = node.arg_names if scope.item is None else node.arg_names | {ITEM, INDEX}
    for name, reference in (scope.stored or {}).items():
        if name not in own and (wanted is None or name in wanted):
            links.append(Link(at=[name], payload=reference))


def _names(call: LlmCall) -> frozenset[str]:
    return known_names(call.template, call.form) | set(call.images)


def open_items(node: PlanNode, scope: Scope) -> Items:
    """Return what a mapped node maps over. Raises ``BindingError`` (``not_a_list``, ``reference_missing``)."""
    match node.items:
        case ListOf(items):
            # Only the item that is asked for is bound: a retry of one child must not bind them all.
            return Items(len(items), lambda i: _bind_item(node, items[i], scope))
        case OutputOf(reference):
            return _items_of_output(node, reference, scope)
        case Constant(value):
            return _items_of_list(node, value)
        case Text(template) if template.only is not None and (far := far_variable(template.only, scope)) is not None:
            return _items_of_stored(node, f"the input '{template.only}'", far)
        case None:
            raise BindingError("not_a_list", f"'{node.id}' is parallel and has neither items nor one predecessor")
        case other:
            return _items_of_list(node, bind(other, scope, [], []))


def _bind_item(node: PlanNode, value: Value, scope: Scope) -> Datum:
    links: list[Link] = []
    bound = bind(value, scope, [], links)
    if not links:
        return Near(bound)
    if links[0].at == [] and isinstance(links[0].payload, payloads.Reference):
        return Far(links[0].payload, tuple(links[0].path))
    raise BindingError(
        "item_too_large", f"an item of '{node.id}' has a stored output inside; name that output as an item of its own"
    )


def _items_of_output(node: PlanNode, reference: Reference, scope: Scope) -> Items:
    output = scope.outputs(reference.source)
    if isinstance(output, Outputs) and not reference.path:
        return Items(len(output), lambda i: of_payload(output[i]))
    if output is None:
        # What there is not has no items: a map over a branch that was not taken is an empty one.
        return _items_of_list(node, [])
    datum = find(output, reference)
    if isinstance(datum, Near):
        return _items_of_list(node, datum.value)
    return _items_of_stored(node, f"'{reference.node}.{reference.what}'", datum)


def _items_of_stored(node: PlanNode, name: str, far: Far) -> Items:
    length = far.payload.decided.get(length_key(far.path)) if far.path else far.payload.length
    if length is None:
        what = "only a stored value that is a list as a whole" if far.path else "it is not a list, and only one"
        raise BindingError("not_a_list", f"'{node.id}' maps over {name}, which is stored: {what} can be mapped")
    return Items(length, lambda i: Far(far.payload, (*far.path, i)))


def _items_of_list(node: PlanNode, value: Json) -> Items:
    if not isinstance(value, list):
        raise BindingError(
            "not_a_list",
            f"'{node.id}' is parallel and needs a list, but got a {type(value).__name__}; name one with `items`",
        )
    return Items(len(value), lambda i: Near(value[i]))
