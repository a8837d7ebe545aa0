"""What a name means at one place of a rendering: values, the items of sections around it, and the parts."""

from collections.abc import Sequence
from typing import Final

from schemas.payload import list_index
from schemas.records.base import Json
from schemas.templates.limits import MAX_DEPTH, MAX_ITEMS, MAX_OUTPUT
from schemas.templates.parts import Parts


class Missing:
    """The type of ``MISSING``: a name or a path that leads nowhere."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


class Run:
    """One rendering: how many items of sections, and parts, it may still go over, and characters it may still make.

    Characters of values that are texts are not made: they are counted where they are joined.
    """

    __slots__ = ("chars", "items")

    def __init__(self) -> None:
        self.items = MAX_ITEMS
        self.chars = MAX_OUTPUT

    def take(self, items: int) -> bool:
        """Count items. Return false when there are more than ``MAX_ITEMS``."""
        self.items -= items
        return self.items >= 0

    def made(self, text: str) -> str:
        """Return a text that was made of a value. Raises ``TooLong``."""
        self.chars -= len(text)
        if self.chars < 0:
            raise TooLong
        return text


class Frame:
    """The contexts of a place, the innermost first, and the parts that references mean there.

    A name is looked up in the contexts that are objects, in that order.
    """

    __slots__ = ("contexts", "depth", "parts", "run")

    def __init__(self, contexts: tuple[Json, ...], parts: Parts, run: Run, depth: int = 0) -> None:
        self.contexts, self.parts, self.run, self.depth = contexts, parts, run, depth

    def inner(self, context: Json) -> "Frame":
        """Return the frame of a section's body. Raises ``TooDeep``."""
        return Frame((context, *self.contexts), self.parts, self.run, self.deeper())

    def deeper(self) -> int:
        """Return the depth of what is inside of this place. Raises ``TooDeep``."""
        if self.depth >= MAX_DEPTH:
            raise TooDeep
        return self.depth + 1


class TooLong(Exception):
    """The text is over ``MAX_OUTPUT`` characters."""


class TooDeep(Exception):
    """Parts and sections are inside of one another more than ``MAX_DEPTH`` times."""


def walked(value: Json, steps: Sequence[str]) -> Json:
    """Return a value walked by a path, or ``MISSING``."""
    for step in steps:
        value = _step(value, step)
    return value


def _step(value: Json, step: str) -> Json:
    if type(value) is dict:
        return value.get(step, MISSING)
    if type(value) is list:
        try:
            return value[list_index(step)]
        except (LookupError, ValueError):
            return MISSING
    return MISSING
