"""The names that a template's values are looked up by: those that must be given, and those that may be."""

from collections.abc import Iterator

from schemas.templates.expressions import Expr
from schemas.templates.mustache import Partial, Value
from schemas.templates.nodes import Block, Included, Inverted, Section
from schemas.templates.parts import PartRef


def needs(block: Block) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that must be given, and those that may be given.

    Inside of a section a name may be that of an item's field, and it is needed only if the section is rendered; so it
    is one that may be given. So are those with a default, those that sections
    test, and all of mustache.
    """
    must: set[str] = set()
    may: set[str] = set()
    for name, is_needed in _names(block, is_certain=True):
        (must if is_needed else may).add(name)
    return frozenset(must), frozenset(may - must)


def included(block: Block) -> Iterator[PartRef]:
    """Yield the parts that a template includes, in order."""
    for node in block.nodes:
        if isinstance(node, Included):
            yield node.part
        elif isinstance(node, Partial):
            yield node.part.part
        elif isinstance(node, Section | Inverted):
            yield from included(node.body)


def _names(block: Block, *, is_certain: bool) -> Iterator[tuple[str, bool]]:
    for node in block.nodes:
        if isinstance(node, Expr):
            yield from _of(node, is_certain)
        elif isinstance(node, Value) and node.path.name:
            yield node.path.name, False
        elif isinstance(node, Included):
            for each in node.part.args.values():
                yield from _of(each, is_certain)
        elif isinstance(node, Section | Inverted):
            if node.path.name:
                yield node.path.name, False
            yield from _names(node.body, is_certain=False)


def _of(expr: Expr, is_certain: bool) -> Iterator[tuple[str, bool]]:
    if expr.name:
        yield expr.name, is_certain and not expr.is_optional
