"""The labels of a result: what is declared of its tool, joined with all that it was made of and what decided it.

Workers that go on with a chained step label its arguments by the same function as the fold, so both say the same.
"""

from collections.abc import Iterator

from msgspec import structs

from schemas.labels.declarations import declared_source
from schemas.labels.label import TRUSTED, Integrity, Label
from schemas.labels.mapped import MAX_PLACES, Labels
from schemas.labels.paths import ANY, ROOT, Path, parse_path
from schemas.payload import Inline, Payload
from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity
from streams.core.runs.labels.recorded import label_from, read


def result_of(declared: ToolSecurity | None, made_of: Label, decided: Label, output: Payload) -> Labels:
    """Return the labels of a worker's output. ``made_of`` is the label of all that the step read.

    What the worker says in the payload's own labels only makes them stricter. ``declared`` is ``None`` for models and
    functions, whose results are as what they read.
    """
    own = made_of.join(decided)
    if declared is None:
        labels = Labels.of_whole(own)
        return _raised(labels, output) if output.labels else labels
    if declared.declared and declared.endorses:
        # It vouches for the data, and not for the choice to make the call.
        own = structs.replace(own, integrity=decided.integrity)
    places = {ROOT: source_of(declared).join(own)}
    for path, words in declared.fields.items():
        places[parse_path(path)] = label_from(tuple(words)).join(own)
    return _raised(_limited(Labels(places), declared, output), output)


def source_of(declared: ToolSecurity | None) -> Label:
    """Return the label of what a tool brings in, whatever it was called with."""
    return TRUSTED if declared is None else declared_source(declared, _read)


def _read(words: list[str]) -> Label:
    return label_from(tuple(words))


def said_by(output: Payload) -> Labels:
    """Return the labels that somebody wrote into a payload, where no word means that nothing is said."""
    if not output.labels:
        return _NOTHING_SAID
    said = dict(read(output.labels))
    return Labels({ROOT: TRUSTED} | said)


def _raised(labels: Labels, output: Payload) -> Labels:
    said = said_by(output)
    return labels if said is _NOTHING_SAID else labels.join(said)


def _limited(labels: Labels, declared: ToolSecurity, output: Payload) -> Labels:
    """Return labels with the readers that the value itself names, see ``ToolSecurity.readers``."""
    if not declared.readers:
        return labels
    places = dict(labels)
    for path, names in declared.readers.items():
        for at, readers in _readers(output, parse_path(path), parse_path(names)):
            places[at] = labels.nearest(at).join(Label(Integrity.TRUSTED, readers=readers))
    return Labels(places)


def _readers(output: Payload, path: Path, names: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    if not isinstance(output, Inline):
        # What is stored is not read here. Its worker may have said who is named in it; else nobody may read it.
        said = said_by(output).nearest(path).readers
        yield path, frozenset() if said is None else said
        return
    for at in _places(output.value, path):
        yield at, _named(output.value, _filled(names, path, at))


def _places(value: Json, path: Path) -> list[Path]:
    """Return the places of a value that a path leads to, or the path itself where they are too many."""
    found: list[tuple[Path, Json]] = [(ROOT, value)]
    for part in path:
        found = [((*at, key), one) for at, here in found for key, one in _below(here) if part is ANY or key == part]
        if len(found) > MAX_PLACES:
            return [path]
    return [at for at, _ in found]


def _below(value: Json) -> list[tuple[str | int, Json]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _filled(names: Path, path: Path, at: Path) -> Path:
    """Return the path of the names with the wildcards that both paths begin with as they are at this place."""
    same = 0
    while same < min(len(names), len(path)) and names[same] == path[same]:
        same += 1
    return at[:same] + names[same:]


def _named(value: Json, names: Path) -> frozenset[str]:
    found = [value]
    for part in names:
        found = [one for here in found for key, one in _below(here) if part is ANY or key == part]
    listed = [one for here in found for one in (here if isinstance(here, list) else [here])]
    return frozenset(one for one in listed if isinstance(one, str))


_NOTHING_SAID: Labels = Labels.of_whole(TRUSTED)
