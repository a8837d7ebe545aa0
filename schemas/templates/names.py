"""The names that a template's values are looked up by: those that must be given, and those that may be."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Expr
from schemas.templates.jinja import Jinja
from schemas.templates.limits import MAX_DEPTH
from schemas.templates.mustache import Partial, Value
from schemas.templates.nodes import Block, Included, Inverted, Section, expressions
from schemas.templates.parts import PartRef, Parts

#: Parts that are looked into for their names. More are left to the rendering, which reports what is missing.
_MAX_PARTS = 1_000


def needs(block: Block, parts: Parts | None = None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that must be given, and those that may be given; with ``parts`` also those of parts.

    Inside of a section a name may be that of an item's field, and it is needed only if the section is rendered; so it
    is one that may be given. So are those with a default, those that sections test, and all names of the other
    dialects.
    """
    must: set[str] = set()
    may: set[str] = set()
    for name, is_needed in _Reader().names(block, parts, is_certain=True):
        (must if is_needed else may).add(name)
    return frozenset(must), frozenset(may - must)


def included(block: Block) -> Iterator[PartRef]:
    """Yield the parts that a template includes, in order."""
    for node in block.nodes:
        if isinstance(node, Included | Partial):
            yield _part(node)
        elif isinstance(node, Section | Inverted):
            yield from included(node.body)


@dataclass(slots=True)
class _Reader:
    """Reads the names of a block, and of the parts in it. ``left`` bounds how many parts."""

    left: int = _MAX_PARTS
    depth: int = 0

    def names(self, block: Block, parts: Parts | None, *, is_certain: bool) -> Iterator[tuple[str, bool]]:
        """Yield names, and if they must be given."""
        for node in block.nodes:
            for each in expressions(node):
                yield from _of(each, is_certain)
            if isinstance(node, Value) and node.path.name:
                yield node.path.name, False
            elif isinstance(node, Jinja):
                # A template may test if a name is defined, or have a default for it.
                yield from ((name, False) for name in sorted(node.names))
            elif isinstance(node, Included | Partial):
                yield from self._of_part(_part(node), parts, is_certain)
            elif isinstance(node, Section | Inverted):
                if node.path.name:
                    yield node.path.name, False
                yield from self.names(node.body, parts, is_certain=False)

    def _of_part(self, ref: PartRef, parts: Parts | None, is_certain: bool) -> Iterator[tuple[str, bool]]:
        """Yield the names of a part that no argument gives."""
        if parts is None or self.left == 0 or self.depth == MAX_DEPTH:
            return
        try:
            template, inner = parts.part(ref.ref)
        except (LookupError, TemplateError):
            return
        self.left -= 1
        self.depth += 1
        for name, is_needed in self.names(template.block, inner, is_certain=is_certain):
            if name not in ref.args:
                yield name, is_needed
        self.depth -= 1


def _part(node: Included | Partial) -> PartRef:
    return node.part if isinstance(node, Included) else node.part.part


def _of(expr: Expr, is_certain: bool) -> Iterator[tuple[str, bool]]:
    if expr.name:
        yield expr.name, is_certain and not expr.is_optional
