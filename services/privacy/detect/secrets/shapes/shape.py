"""A shape of a key."""

from collections.abc import Callable
from typing import NamedTuple

Check = Callable[[str], bool]


class Shape(NamedTuple):
    """A key of a service.

    ``pattern`` is in the syntax of RE2 and has no groups that capture. It matches the key alone: that no letter or
    digit stands before or behind it is added by the rules. ``check`` looks at what matched. ``sure`` is the confidence.
    A shape that is common has ``near``: words without which it is no finding.
    """

    name: str
    pattern: str
    check: Check | None = None
    sure: float = 0.95
    near: tuple[str, ...] = ()
