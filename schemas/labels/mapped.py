"""The labels of one JSON value, by path. The longest path that leads to a place has its label.

A value at ``path`` has the label of the nearest place above it that has one; what reads a whole value reads all that is
labelled below it, too. A value without any label is ``UNLABELLED``.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import orjson

from schemas.labels.label import UNLABELLED, Label, joined, label_of
from schemas.labels.paths import ROOT, Part, Path, Wild, format_path, parse_path

#: Labelled places of one value, up to which they are kept apart. Of more the deepest get what all have together that
#: are in one place above them, so that a long list in one argument says nothing of the others.
MAX_PLACES = 64


class Recorded(dict[str, list[str]]):
    """Labels as a payload has them, which know what they were made of, so that nobody has to read them again.

    They are shared, and must not be changed. ``size`` is how many bytes of JSON they have.
    """

    __slots__ = ("of", "size")

    def __init__(self, of: "Labels", at: Mapping[str, list[str]]) -> None:
        super().__init__(at)
        self.of = of
        self.size = len(orjson.dumps(self))


class Labels:
    """The labels of one value. It is immutable, so that the few that come again and again are shared.

    ``root`` is the label of the value itself, without what is labelled below it. ``is_one`` says whether one label
    counts for every place, as for most values.
    """

    __slots__ = ("_at", "_hash", "_recorded", "_whole", "is_one", "root")

    def __init__(self, at: Mapping[Path, Label]) -> None:
        self._at = dict(at) if len(at) <= MAX_PLACES else _fewer(at)
        self.root: Label = self._at.get(ROOT, UNLABELLED)
        self.is_one: bool = len(self._at) == 1 and ROOT in self._at
        self._whole: Label | None = self.root if self.is_one else None
        self._recorded: Recorded | None = None
        self._hash: int | None = None

    @staticmethod
    def of_whole(label: Label) -> "Labels":
        """Return one label for all of a value."""
        return _of_whole(label)

    @staticmethod
    def read(recorded: Mapping[str, Iterable[str]]) -> "Labels":
        """Return the labels that a payload has. Raises ``BadRecord`` and ``InvalidInput`` for unknown ones."""
        return _read(tuple((path, tuple(words)) for path, words in recorded.items()))

    @property
    def recorded(self) -> Recorded:
        """The labels as a payload has them. It is made once and shared, and must not be changed."""
        found = self._recorded
        if found is None:
            at = {format_path(path): label.words for path, label in sorted(self._at.items(), key=_order)}
            found = self._recorded = Recorded(self, at)
        return found

    @property
    def whole(self) -> Label:
        """The label of who reads the whole value."""
        found = self._whole
        if found is None:
            found = self._whole = joined((self.root, *self._at.values()))
        return found

    def nearest(self, path: Path) -> Label:
        """Return the label of the longest place above a path; of several as long, what they have together."""
        longest, found = -1, UNLABELLED
        for place, label in self._at.items():
            if len(place) < longest or not _leads(place, path):
                continue
            found = found.join(label) if len(place) == longest else label
            longest = len(place)
        return found

    def at(self, path: Path) -> "Labels":
        """Return the labels of the value at a path."""
        if self.is_one or (not path and ROOT in self._at):
            return self
        below: dict[Path, Label] = {}
        for place, label in self._at.items():
            if _leads(path, place):
                # A wildcard and a name may lead to one place: it gets what both say.
                rest = place[len(path) :]
                below[rest] = below[rest].join(label) if rest in below else label
        if ROOT not in below:
            below[ROOT] = self.nearest(path)
        return Labels(below)

    def placed(self, at: Path) -> dict[Path, Label]:
        """Return the labels by path when the value is put at a place of another one."""
        if self.is_one:
            return {at: self.root}
        return {at + path: label for path, label in ({ROOT: self.root} | self._at).items()}

    def join(self, other: "Labels") -> "Labels":
        """Return the labels of a value that is labelled twice: each place as strict as both say."""
        if self.is_one and other.is_one:
            return _of_whole(self.root.join(other.root))
        places = {ROOT} | {path for path, _ in (*self, *other)}
        return Labels({place: self.nearest(place).join(other.nearest(place)) for place in places})

    def raised(self, label: Label) -> "Labels":
        """Return the labels with one that counts for every place."""
        if self.is_one:
            return _of_whole(self.root.join(label))
        return Labels({path: own.join(label) for path, own in ({ROOT: self.root} | self._at).items()})

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Labels) and self._at == other._at)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._at.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"Labels({self.recorded})"

    def __iter__(self) -> Iterator[tuple[Path, Label]]:
        return iter(self._at.items())


@lru_cache(2048)
def _read(places: tuple[tuple[str, tuple[str, ...]], ...]) -> Labels:
    return Labels({parse_path(path): label_of(words) for path, words in places})


@lru_cache(2048)
def _of_whole(label: Label) -> Labels:
    return Labels({ROOT: label})


def _fewer(at: Mapping[Path, Label]) -> dict[Path, Label]:
    """Return labels with paths that are cut to the depth at which there are few enough."""
    for depth in range(max(map(len, at)) - 1, 0, -1):
        cut = {path[:depth] for path in at}
        if len(cut) <= MAX_PLACES:
            return {path: at[path] if len(path) < depth else _below(at, path) for path in cut}
    return {ROOT: joined((at.get(ROOT, UNLABELLED), *at.values()))}


def _below(at: Mapping[Path, Label], path: Path) -> Label:
    """Return the label of a place with all that is labelled below it."""
    above = [place for place in at if _leads(place, path)]
    if not any(isinstance(part, Wild) for part in path):
        # Below a wildcard some places may have the label of a shorter path.
        longest = max(map(len, above), default=0)
        above = [place for place in above if len(place) == longest]
    found = [at[place] for place in above] or [UNLABELLED]
    return joined((*found, *(label for place, label in at.items() if place[: len(path)] == path)))


def _leads(above: Path, path: Path) -> bool:
    """Return whether ``above`` is a place at or above ``path``; a wildcard of either may be the other's part."""
    return len(above) <= len(path) and all(map(_matches, above, path))


def _matches(first: Part, second: Part) -> bool:
    if first == second or isinstance(first, Wild) or isinstance(second, Wild):
        return True
    # Digits in a reference index a list and are a key of an object: which of both, only the value tells.
    return type(first) is not type(second) and str(first) == str(second)


def _order(one: tuple[Path, Label]) -> str:
    return format_path(one[0])
