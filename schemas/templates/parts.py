"""Parts: prompts that other prompts include by ``{{> name@2 title="Hi"}}``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.prompts.refs import PROMPT_REF

#: An ``expressions.Expr`` and a ``template.Template``: both modules know of parts, so this one cannot know of them.
Expression = Any
Parsed = Any


@dataclass(frozen=True, slots=True)
class PartRef:
    """A reference to a part as it is written in ``ref``, with the arguments that the part gets.

    ``which`` is a version, a label, or ``None`` for neither.
    """

    ref: str
    name: str
    which: int | str | None
    args: Mapping[str, Expression]


class Parts(Protocol):
    """The parts that a template may include."""

    def part(self, ref: str) -> "tuple[Parsed, Parts]":
        """Return the part that ``ref`` means here, and the parts that *its* references mean.

        Raises ``LookupError`` for a reference that means nothing here.
        """
        ...


class _NoParts:
    def part(self, ref: str) -> "tuple[Parsed, Parts]":
        raise LookupError(ref)


NO_PARTS: Parts = _NoParts()


def part_ref(text: str, args: Mapping[str, Expression]) -> PartRef | None:
    """Return the reference that ``text`` is as a whole, or ``None``."""
    match = PROMPT_REF.fullmatch(text)
    if match is None:
        return None
    version, label = match[2], match[3]
    return PartRef(text, match[1], int(version) if version else label, args)
