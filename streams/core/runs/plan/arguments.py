"""A node's arguments, compiled once and bound for every step.

What is bound is either ``Near`` (the value itself) or ``Far`` (stored bytes): of a far value only its place is
known here, so it becomes a ``Link`` that the worker fills in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import payload as payloads
from schemas.payload import MissingPath, PathPart, Payload
from schemas.records.base import Json
from schemas.records.steps import Link
from schemas.spec.inputs.bound import literal_of
from schemas.spec.references import (
    MissingVariable,
    Reference,
    Template,
    Variable,
    look_up,
    parse_loop_reference,
    parse_reference,
    parse_template,
)

ITEM = "item"
INDEX = "index"


@dataclass(frozen=True, slots=True)
class Near:
    """A value that is here."""

    value: Any


@dataclass(frozen=True, slots=True)
class Far:
    """A value inside stored bytes."""

    payload: payloads.Reference
    path: tuple[PathPart, ...] = ()


Datum = Near | Far


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a mapped node's children, in order, each looked up when it is asked for.

    ``gathered`` is the same list as one payload, where it was too large to travel in requests.
    """

    count: int
    at: Callable[[int], Payload]
    gathered: Payload | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Payload:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.at(index)

    def __iter__(self) -> Iterator[Payload]:
        return map(self.at, range(self.count))


def listed(outputs: Sequence[Payload], gathered: Payload | None = None) -> Outputs:
    """Return outputs that are at hand."""
    return Outputs(len(outputs), outputs.__getitem__, gathered)


#: A node's output: one payload, or one for each child of a mapped node; ``None`` where there is none, since the node
#: was skipped, or is optional and failed.
Output = Payload | Outputs | None


class BindingError(Exception):
    """A step's arguments cannot be bound; ``code`` becomes the step's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names are looked up. ``outputs`` answers for ancestors; ``item`` and ``index`` are a mapped child's.

    ``stored`` are those of ``inputs`` that are stored.
    """

    inputs: Mapping[str, Any]
    outputs: Callable[[str], Output]
    item: Datum | None = None
    index: int = 0
    stored: Mapping[str, payloads.Reference] | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without references and placeholders."""

    value: Any


@dataclass(frozen=True, slots=True)
class OutputOf:
    """A reference to an ancestor's output."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Text:
    """A string with placeholders."""

    template: Template


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list with something to bind in it."""

    items: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class DictOf:
    """An object with something to bind in it."""

    entries: tuple[tuple[str, "Value"], ...]


Value = Constant | OutputOf | Text | ListOf | DictOf


def compile_value(raw: Json, ancestors: frozenset[str]) -> Value:
    """Return what a value of the document means for a node with these ancestors, or other names that it may use."""
    if isinstance(raw, str):
        return _compile_text(raw, ancestors)
    if isinstance(raw, list):
        items = tuple(compile_value(item, ancestors) for item in raw)
        known = [item.value for item in items if isinstance(item, Constant)]
        return Constant(known) if len(known) == len(items) else ListOf(items)
    if isinstance(raw, dict):
        if (literal := literal_of(raw)) is not None:
            return Constant(literal)
        entries = tuple((name, compile_value(value, ancestors)) for name, value in raw.items())
        fixed = {name: value.value for name, value in entries if isinstance(value, Constant)}
        return Constant(fixed) if len(fixed) == len(entries) else DictOf(entries)
    return Constant(raw)


def _compile_text(raw: str, ancestors: frozenset[str]) -> Value:
    reference = parse_reference(raw) or parse_loop_reference(raw)
    if reference is not None and reference.source in ancestors:
        return OutputOf(reference)
    template = parse_template(raw)
    return Text(template) if template.variables else Constant(raw)


def bind(value: Value, scope: Scope, at: list[PathPart], links: list[Link]) -> Json:
    """Return the bound value for the place ``at``. What is stored leaves ``None`` there and a link in ``links``.

    Raises ``BindingError``.
    """
    match value:
        case Constant(constant):
            return constant
        case OutputOf(reference):
            return _bind_output(reference, scope, at, links)
        case Text(template):
            return place(_bind_text(template, scope), at, links)
        case ListOf(items):
            return [bind(item, scope, [*at, i], links) for i, item in enumerate(items)]
        case DictOf(entries):
            return {name: bind(entry, scope, [*at, name], links) for name, entry in entries}


def place(datum: Datum, at: list[PathPart], links: list[Link]) -> Json:
    """Return a near value; of a far one, note a link and return ``None``."""
    if isinstance(datum, Near):
        return datum.value
    links.append(Link(at=at, payload=datum.payload, path=list(datum.path)))
    return None


def of_payload(payload: Payload, path: tuple[PathPart, ...] = (), name: str = "") -> Datum:
    """Return what ``path`` finds in a payload. Raises ``BindingError`` (``reference_missing``)."""
    if isinstance(payload, payloads.Reference):
        return Far(payload, path)
    try:
        return Near(payloads.walk(payload.value, list(path)))
    except MissingPath as exc:
        raise BindingError("reference_missing", f"'{name}.output' has no such part: {exc}"[:1000]) from exc


def _bind_output(reference: Reference, scope: Scope, at: list[PathPart], links: list[Link]) -> Json:
    output = scope.outputs(reference.source)
    if isinstance(output, Outputs) and not reference.path:
        if output.gathered is not None:
            return place(of_payload(output.gathered), at, links)
        return [place(of_payload(child), [*at, i], links) for i, child in enumerate(output)]
    return place(find(output, reference), at, links)


def find(output: Output, reference: Reference) -> Datum:
    """Return the one datum that a reference names; null, wherever it leads, in an output that there is not.

    Raises ``BindingError`` (``reference_missing``).
    """
    if output is None:
        return Near(None)
    if not isinstance(output, Outputs):
        return of_payload(output, reference.path, reference.node)
    first, *rest = reference.path
    try:
        child = output[payloads.list_index(first)]
    except LookupError as exc:
        many = f"'{reference.node}' gave a list of {len(output)} outputs; '{first}' is not there (it is a list)"
        raise BindingError("reference_missing", many[:1000]) from exc
    return of_payload(child, tuple(rest), f"{reference.node}[{first}]")


def _bind_text(template: Template, scope: Scope) -> Datum:
    only = template.only
    if only is not None and (far := far_variable(only, scope)) is not None:
        return far
    values = {variable.name: _known(variable, scope) for variable in template.variables if _knows(variable, scope)}
    try:
        return Near(look_up(only, values) if only else template.text(values))
    except MissingVariable as exc:
        raise BindingError("input_missing", f"{exc}; give it in the run's inputs"[:1000]) from exc


def far_variable(variable: Variable, scope: Scope) -> Far | None:
    """Return where a variable's value is when it is stored: an item of a stored list, or an input."""
    if scope.item is not None and variable.name in (ITEM, INDEX):
        if variable.name == INDEX or isinstance(scope.item, Near):
            return None
        return Far(scope.item.payload, scope.item.path + variable.path)
    found = scope.stored.get(variable.name) if scope.stored else None
    return None if found is None else Far(found, variable.path)


def _knows(variable: Variable, scope: Scope) -> bool:
    return variable.name in scope.inputs or (scope.item is not None and variable.name in (ITEM, INDEX))


def _known(variable: Variable, scope: Scope) -> Json:
    if scope.item is None or variable.name not in (ITEM, INDEX):
        if scope.stored and variable.name in scope.stored:
            raise BindingError(
                "input_too_large",
                f"the input '{variable.name}' is stored outside of its record, so it cannot be put inside a text here; "
                f"make '{{{{{variable}}}}}' the whole value, or use the variable in the prompt",
            )
        return scope.inputs[variable.name]
    if variable.name == INDEX:
        return scope.index
    if isinstance(scope.item, Near):
        return scope.item.value
    raise BindingError(
        "item_too_large",
        "the list is stored outside of its record, so its item cannot be put inside a text here; make '{{item}}' the "
        "whole value, or use the variable in the prompt",
    )


def lists_named(value: Value) -> Iterator[str]:
    """Yield the nodes whose outputs a value names as a whole."""
    match value:
        case OutputOf(reference) if not reference.path:
            yield reference.source
        case ListOf(items):
            for item in items:
                yield from lists_named(item)
        case DictOf(entries):
            for _, entry in entries:
                yield from lists_named(entry)
        case _:
            pass
