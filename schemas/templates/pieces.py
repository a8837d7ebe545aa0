"""Tags as all dialects have them."""

from dataclasses import dataclass
from typing import Literal

from schemas.templates.expressions import ITEM, Expr, Path
from schemas.templates.parts import PartRef

Kind = Literal["value", "raw", "open", "inverted", "close", "part", "comment"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag from ``start`` up to ``end`` in the template, with what its kind has.

    ``raw`` is a value that a dialect with escapes does not escape. ``path`` is that of a section, or of a value without
    filters; other values are an ``expr``.
    """

    kind: Kind
    start: int
    end: int
    path: Path = ITEM
    expr: Expr | None = None
    part: PartRef | None = None
