"""The labels of a node's arguments, made of the same compiled values that ``plan.arguments.bind`` binds.

Constants are trusted, a reference brings the labels of what it names, a text joins those of its placeholders, lists and
objects keep each place apart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from schemas.labels.label import TRUSTED, Label, joined
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path, format_path
from schemas.spec.references import Template, Variable
from streams.core.runs.plan.arguments import INDEX, ITEM, Constant, DictOf, ListOf, OutputOf, Text, Value
from streams.core.runs.plan.model import PlanNode

Places = dict[Path, Label]
FoundT = TypeVar("FoundT")
#: Combinations of labels that a node's arguments had, up to which each is kept. Most nodes see one or two.
KNOWN_MOST = 32
_SOURCES = "sources"
_TRUSTED = Labels.of_whole(TRUSTED)


@dataclass(slots=True, eq=False)
class Names:
    """Where the labels of names are looked up. ``inputs`` are those of the run's inputs, ``outputs`` answers for
    ancestors, null included; ``item`` is a mapped child's and ``index`` the label of its place in the list. ``others``
    are inputs that the run did not get, by name."""

    inputs: Labels
    outputs: Callable[[str], Labels]
    item: Labels | None = None
    index: Label = TRUSTED
    others: Mapping[str, Label] = field(default_factory=dict)

    def with_outputs(self, outputs: Callable[[str], Labels]) -> "Names":
        """Return the same with other outputs."""
        # ``dataclasses.replace`` takes as long as all else that labels cost a step.
        return Names(self.inputs, outputs, self.item, self.index, self.others)


def arguments_of(node: PlanNode, names: Names) -> Labels:
    """Return the labels of a step's arguments, see ``requests.binding.bind_args``."""
    return _once("labels", node, names, lambda: Labels(places_of(node, names)))


def recorded_of(node: PlanNode, names: Names) -> Mapping[str, list[str]]:
    """Return the labels of a step's arguments as a chained step has them: by place, however many there are."""
    return _once(
        "recorded", node, names, lambda: {format_path(path): one.words for path, one in places_of(node, names).items()}
    )


def places_of(node: PlanNode, names: Names) -> Places:
    """Return the labels of a step's arguments by place, however many there are."""
    places: Places = {ROOT: TRUSTED}
    if node.takes_run_inputs:
        places = names.inputs.placed(ROOT)
    if names.item is not None:
        if ITEM not in node.arg_names:
            _put(names.item, (ITEM,), places)
        if INDEX not in node.arg_names:
            places[(INDEX,)] = names.index
    for name, value in node.args:
        if node.takes_run_inputs:
            places = {path: label for path, label in places.items() if path[:1] != (name,)} | {(name,): TRUSTED}
        _place(value, names, (name,), places)
    return places


def _once(what: str, node: PlanNode, names: Names, make: Callable[[], FoundT]) -> FoundT:
    """Return what is made of a node's arguments, which the labels of all that they may read decide."""
    if names.others:
        return make()
    key = (what, names.inputs, names.item, names.index, *[names.outputs(source) for source in sources_of(node)])
    found: FoundT | None = node.known.get(key)
    return keep(node, key, make()) if found is None else found


def keep(node: PlanNode, key: object, found: FoundT) -> FoundT:
    """Keep what was found out of a node, and return it."""
    if len(node.known) > KNOWN_MOST:
        node.known.clear()
    node.known[key] = found
    return found


def sources_of(node: PlanNode) -> tuple[str, ...]:
    """Return the nodes whose outputs a node's arguments read."""
    found: tuple[str, ...] | None = node.known.get(_SOURCES)
    return keep(node, _SOURCES, tuple(dict.fromkeys(_sources(v for _, v in node.args)))) if found is None else found


def _sources(values: Iterable[Value]) -> Iterator[str]:
    """Yield the nodes whose outputs values read."""
    for value in values:
        match value:
            case OutputOf(reference):
                yield reference.source
            case ListOf(items):
                yield from _sources(items)
            case DictOf(entries):
                yield from _sources(entry for _, entry in entries)
            case _:
                pass


def value_of(value: Value, names: Names) -> Labels:
    """Return the labels of one value."""
    places: Places = {ROOT: TRUSTED}
    _place(value, names, ROOT, places)
    return Labels(places)


def item_of(items: Value | None, names: Names, index: int) -> Labels:
    """Return the labels of the item at an index of what a mapped node maps over."""
    if isinstance(items, ListOf):
        return value_of(items.items[index], names)
    return _TRUSTED if items is None else value_of(items, names).at((index,))


def length_of(items: Value | None, names: Names) -> Label:
    """Return the label of how many items a mapped node maps over."""
    return TRUSTED if items is None or isinstance(items, ListOf) else value_of(items, names).root


def _place(value: Value, names: Names, at: Path, places: Places) -> None:
    match value:
        case Constant():
            # What holds it is trusted, so it needs no place of its own.
            pass
        case OutputOf(reference):
            _put(names.outputs(reference.source).at(reference.path), at, places)
        case Text(template):
            _place_text(template, names, at, places)
        case ListOf(items):
            places[at] = TRUSTED
            for index, item in enumerate(items):
                _place(item, names, (*at, index), places)
        case DictOf(entries):
            places[at] = TRUSTED
            for name, entry in entries:
                _place(entry, names, (*at, name), places)


def _place_text(template: Template, names: Names, at: Path, places: Places) -> None:
    only = template.only
    if only is not None:
        _put(_variable(only, names), at, places)
    else:
        places[at] = joined(_variable(variable, names).whole for variable in template.variables)


def _variable(variable: Variable, names: Names) -> Labels:
    if names.item is not None and variable.name == ITEM:
        return names.item.at(variable.path)
    if names.item is not None and variable.name == INDEX:
        return Labels.of_whole(names.index)
    other = names.others.get(variable.name)
    return Labels.of_whole(other) if other is not None else names.inputs.at((variable.name, *variable.path))


def _put(labels: Labels, at: Path, places: Places) -> None:
    places.update(labels.placed(at))
