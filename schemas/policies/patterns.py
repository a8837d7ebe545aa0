"""Patterns of names: ``*`` stands for any characters, all else for itself."""

from collections.abc import Sequence


def matches(patterns: Sequence[str], name: str) -> bool:
    """Return whether one of the patterns is the whole name; without patterns every name matches."""
    return not patterns or any(_is(pattern, name) for pattern in patterns)


def _is(pattern: str, name: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return pattern == name
    # The first place of each part is the best one: the parts behind it have the most room. So the time is linear.
    last = others.pop()
    if len(first) + len(last) > len(name) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in others:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
