"""Values with what a policy hides taken out: places by path, and places whose label has a data class."""

from collections.abc import Collection, Sequence
from typing import Any

from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path, Wild, parse_path
from schemas.policies.rulings import Changes
from schemas.records.base import Json

#: Stands in a value's place.
REDACTED = "[redacted]"


def redacted(value: Any, labels: Labels, changes: Changes) -> Any:
    """Return a value, with what ``changes`` hide in it replaced; the value itself is not changed.

    Raises ``InvalidInput`` for a path that is none.
    """
    paths = [parse_path(one) for one in changes.redact]
    if not paths and not changes.redact_classes:
        return value
    places = [path for path, _ in labels]
    return _hidden(value, ROOT, labels, paths, places, changes.redact_classes)


def _hidden(
    value: Json, at: Path, labels: Labels, paths: Sequence[Path], places: Sequence[Path], classes: Collection[str]
) -> Json:
    if any(len(path) == len(at) and _is_on_the_way(path, at) for path in paths):
        return REDACTED
    paths = [path for path in paths if _is_on_the_way(path, at)]
    places = [place for place in places if len(place) > len(at) and _is_on_the_way(place, at)]
    if not places and not labels.nearest(at).classes.isdisjoint(classes):
        return REDACTED
    if not paths and not places:
        return value
    if isinstance(value, dict):
        return {key: _hidden(one, (*at, key), labels, paths, places, classes) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one, (*at, index), labels, paths, places, classes) for index, one in enumerate(value)]
    return REDACTED if not labels.nearest(at).classes.isdisjoint(classes) else value


def _is_on_the_way(path: Path, at: Path) -> bool:
    """Return whether a path leads through a place, or to it."""
    return len(at) <= len(path) and all(
        isinstance(part, Wild) or part == here for part, here in zip(path, at, strict=False)
    )
