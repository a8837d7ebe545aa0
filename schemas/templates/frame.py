"""What a name means at one place of a rendering: values, the items of sections around it, and the parts."""

from collections.abc import Sequence
from typing import Final

from schemas.payload import list_index
from schemas.records.base import Json
from schemas.templates.limits import MAX_DEPTH, MAX_ITEMS
from schemas.templates.parts import Parts


class Missing:
    """The type of ``MISSING``: a name or a path that leads nowhere."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


class Run:
    """One rendering: how many items of sections, and parts, it may still go over."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items = MAX_ITEMS

    def take(self, items: int) -> bool:
        """Count items. Return false when there are more than ``MAX_ITEMS``."""
        self.items -= items
        return self.items >= 0


class Frame:
    """The contexts of a place, the innermost first, and the parts that references mean there.

    A name is looked up in the contexts that are objects, in that order.
    """

    __slots__ = ("contexts", "depth", "parts", "run")

    def __init__(self, contexts: tuple[Json, ...], parts: Parts, run: Run, depth: int = 0) -> None:
        self.contexts, self.parts, self.run, self.depth = contexts, parts, run, depth

    def inner(self, context: Json) -> "Frame":
        """Return the frame of a section's body. Raises ``TooDeep``."""
        return Frame((context, *self.contexts), self.parts, self.run, self._deeper())

    def of_part(self, args: dict[str, Json] | None, parts: Parts) -> "Frame":
        """Return the frame of a part; its arguments come first. Raises ``TooDeep``."""
        contexts = self.contexts if args is None else (args, *self.contexts)
        return Frame(contexts, parts, self.run, self._deeper())

    def find(self, name: str, path: Sequence[str]) -> Json:
        """Return a name's value walked by a path, or ``MISSING``."""
        for context in self.contexts:
            if type(context) is dict and name in context:
                value = context[name]
                break
        else:
            return MISSING
        for step in path:
            value = _step(value, step)
        return value

    def has(self, name: str) -> bool:
        """True if a name has a value, which may be null."""
        return self.find(name, ()) is not MISSING

    def item(self, path: Sequence[str]) -> Json:
        """Return the innermost context, walked by a path."""
        value = self.contexts[0]
        for step in path:
            value = _step(value, step)
        return value

    def _deeper(self) -> int:
        if self.depth >= MAX_DEPTH:
            raise TooDeep
        return self.depth + 1


class TooDeep(Exception):
    """Parts and sections are inside of one another more than ``MAX_DEPTH`` times."""


def _step(value: Json, step: str) -> Json:
    if type(value) is dict:
        return value.get(step, MISSING)
    if type(value) is list:
        try:
            return value[list_index(step)]
        except LookupError:
            return MISSING
    return MISSING
