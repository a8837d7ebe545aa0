"""Labels of the values that a node binds: what a reference, a template or a literal may hold."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label, joined
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.payload import PathPart
from schemas.records.base import Json
from schemas.spec.conditions import inputs_read
from schemas.spec.inputs.bound import literal_of
from schemas.spec.loops import BODY_NAMES, CONDITION_NAMES
from schemas.spec.references import LOOP, Variable, parse_loop_reference, parse_reference, parse_template

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INPUTS = "inputs"
_ITEM, _INDEX = "item", "index"


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that was read, and its label. ``source`` is a node, or ``inputs.<name>``.

    ``chosen``: it is not the node's output, but that it came to this node.
    """

    source: str
    label: Label
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """The labels of a value, and what was read for it."""

    labels: Labels
    reads: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What names stand for. ``outputs`` are by name as references have it: also ``refine.outputs``, ``loop.previous``.

    ``item`` is what a mapped child gets, ``index`` the label of its number. ``unseen`` is the label of what has an
    output only if it ended early enough: of those that are not there yet a node reads null.
    """

    inputs: Labels
    outputs: Mapping[str, Labels]
    item: Bound | None = None
    index: Label = TRUSTED
    unseen: Label = TRUSTED

    def output(self, name: str) -> Labels:
        """Return the labels of an output; of one that nobody knows the least trusted."""
        found = self.outputs.get(name)
        return Labels.of_whole(UNLABELLED) if found is None else found.raised(self.unseen)


_CONSTANT = Bound(Labels.of_whole(TRUSTED))


def bound(raw: Json, names: Names) -> Bound:
    """Return the labels of a value of the document."""
    if isinstance(raw, str):
        return _text(raw, names)
    if isinstance(raw, list):
        return _together(((i, bound(one, names)) for i, one in enumerate(raw)))
    if isinstance(raw, dict) and literal_of(raw) is None:
        return _together(((name, bound(one, names)) for name, one in raw.items()))
    return _CONSTANT


def condition(text: str, names: Names, above: frozenset[str]) -> Iterator[Read]:
    """Yield what a condition may read, of the names that it may use. It reads an output as a whole."""
    words = set(_WORD.findall(text))
    for word in sorted(words & above):
        for name in (word, f"{word}.outputs"):
            if name in names.outputs:
                yield Read(word, names.output(name).whole)
    if LOOP in words:
        of_loop = {name for name in CONDITION_NAMES if name.partition(".")[2] in words}
        yield from (Read(name, names.output(name).whole) for name in sorted(of_loop & names.outputs.keys()))
    if INPUTS in words:
        read = inputs_read(text)
        if read is None:
            yield Read(INPUTS, names.inputs.whole)
        else:
            yield from (Read(f"{INPUTS}.{name}", names.inputs.at((name,)).whole) for name in sorted(read))


def tainted(reads: Sequence[Read]) -> tuple[Read, ...]:
    """Return the reads that a way may lead through: of others nobody asks."""
    return tuple(dict.fromkeys(one for one in reads if one.label.integrity > Integrity.TRUSTED or one.label.classes))


def _together(children: Iterator[tuple[PathPart, Bound]]) -> Bound:
    places: dict[Path, Label] = {ROOT: TRUSTED}
    reads: list[Read] = []
    for part, one in children:
        if one is not _CONSTANT:
            places |= one.labels.placed((part,))
            reads += one.reads
    return _CONSTANT if len(places) == 1 else Bound(Labels(places), tainted(reads))


def _text(raw: str, names: Names) -> Bound:
    reference = parse_reference(raw)
    if reference is None:
        reference = parse_loop_reference(raw)
        if reference is not None and reference.source not in names.outputs:
            reference = None  # text that only looks like a loop's value
    if reference is not None:
        labels = walked(names.output(reference.source), reference.path)
        source = reference.source if reference.source in BODY_NAMES else reference.node
        return Bound(labels, tainted([Read(source, labels.whole)]))
    template = parse_template(raw)
    if template.only is not None:
        return _variable(template.only, names)
    found = [_variable(one, names) for one in template.variables]
    if not found:
        return _CONSTANT
    label = joined(one.labels.whole for one in found)
    return Bound(Labels.of_whole(label), tainted([read for one in found for read in one.reads]))


def _variable(variable: Variable, names: Names) -> Bound:
    if names.item is not None and variable.name == _INDEX:
        return Bound(Labels.of_whole(names.index), names.item.reads)
    if names.item is not None and variable.name == _ITEM:
        return Bound(walked(names.item.labels, variable.path), names.item.reads)
    labels = walked(names.inputs, (variable.name, *variable.path))
    return Bound(labels, tainted([Read(f"{INPUTS}.{variable.name}", labels.whole)]))


def walked(labels: Labels, path: Sequence[PathPart]) -> Labels:
    """Return the labels of what a path leads to. Digits may be a key or an index, so they get what both may have."""
    for at, part in enumerate(path):
        if isinstance(part, str) and part.isdigit():
            return Labels.of_whole(labels.at(tuple(path[:at])).whole)
    return labels.at(tuple(path))
