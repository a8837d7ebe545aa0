"""Lists of routes: patterns of ``provider/model`` in which ``*`` stands for any text."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(route: str, patterns: Sequence[str]) -> bool:
    """Return whether a list has the route; an empty list has all."""
    return not patterns or any(fnmatchcase(route, pattern) for pattern in patterns)
