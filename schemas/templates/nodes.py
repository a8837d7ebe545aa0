"""The nodes of a parsed template. Each returns its text in a frame; texts are inserted and never read again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.records.base import Json
from schemas.spec.references import MissingVariable
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Expr, Path
from schemas.templates.frame import Frame, TooDeep, TooLong
from schemas.templates.limits import MAX_DEPTH, MAX_ITEMS, MAX_OUTPUT
from schemas.templates.parts import PartRef


class Node(Protocol):
    """A tag that puts a text into the output."""

    def text(self, frame: Frame) -> str:
        """Return the text. Raises ``MissingVariable`` and ``TemplateError``."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """Texts and tags in order."""

    nodes: tuple[str | Node, ...]

    def text(self, frame: Frame) -> str:
        """Return the whole text. Raises ``TooLong`` and what its tags raise."""
        pieces = [node if isinstance(node, str) else node.text(frame) for node in self.nodes]
        if sum(map(len, pieces)) > MAX_OUTPUT:
            raise TooLong
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """``{{name}}``, with nothing else in it. Nearly all tags are that, and their values texts: this way is short."""

    name: str
    expr: Expr

    def text(self, frame: Frame) -> str:
        """Return the value's text."""
        name = self.name
        for context in frame.contexts:
            if type(context) is dict and name in context:
                value = context[name]
                return value if type(value) is str else self.expr.text(frame)
        return self.expr.text(frame)


@dataclass(frozen=True, slots=True)
class Section:
    """``{{#path}}``: once for each item of a list, once for another value that is true. ``line`` is that of its tag."""

    path: Path
    body: Block
    line: int
    column: int

    def text(self, frame: Frame) -> str:
        """Return the texts of all items."""
        value = self.path.find(frame)
        if type(value) is list:
            return self._each(value, frame)
        return _inside(self, frame, value) if value else ""

    def _each(self, items: Sequence[Json], frame: Frame) -> str:
        if not frame.run.take(len(items)):
            said = f"sections go over more than {MAX_ITEMS} items, with those of '{self.path}'"
            raise TemplateError(self.line, self.column, said, "give a shorter list")
        pieces, size = [], 0
        for item in items:
            piece = _inside(self, frame, item)
            size += len(piece)
            if size > MAX_OUTPUT:
                raise TooLong
            pieces.append(piece)
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Inverted:
    """``{{^path}}``: once for a value that is missing, false, null, zero or empty."""

    path: Path
    body: Block
    line: int
    column: int

    def text(self, frame: Frame) -> str:
        """Return the body's text, or nothing."""
        return "" if self.path.find(frame) else _inside(self, frame, frame.contexts[0])


@dataclass(frozen=True, slots=True)
class Included:
    """``{{> name@2 title="Hi"}}``: the text of a part, with the values of this place and the arguments."""

    part: PartRef
    line: int
    column: int

    def text(self, frame: Frame) -> str:
        """Return the part's text."""
        return self.text_of(frame)

    def text_of(self, frame: Frame, indent: str = "", *, is_needed: bool = True) -> str:
        """Return the part's text, its template's lines indented. A part that is not there is empty if not needed."""
        ref = self.part.ref
        try:
            template, parts = frame.parts.part(ref)
        except LookupError:
            if not is_needed:
                return ""
            fix = "create it first, or name another with {{> name@2}}"
            raise TemplateError(self.line, self.column, f"there is no part '{ref}' here", fix) from None
        run = frame.run
        run.items -= 1
        if run.items < 0:
            said = f"more than {MAX_ITEMS} parts and items are rendered"
            raise TemplateError(self.line, self.column, said, "include fewer parts, or give shorter lists")
        given = self.part.args
        contexts = ({name: given[name].value(frame) for name in given}, *frame.contexts) if given else frame.contexts
        try:
            block: Block = template.indented(indent).block if indent else template.block
            return block.text(Frame(contexts, parts, run, frame.deeper()))
        except TooDeep:
            raise _too_deep(self.line, self.column) from None
        except TemplateError as exc:
            raise exc.within(ref) from exc
        except MissingVariable as exc:
            raise MissingVariable(f"{exc}, in the part '{ref}'") from exc


def value_node(expr: Expr) -> Node:
    """Return the node of ``{{expr}}``."""
    operand = expr.operand
    if expr.filters or not isinstance(operand, Path) or operand.steps or not operand.name:
        return expr
    return Placeholder(operand.name, expr)


def expressions(node: str | Node) -> Sequence[Expr]:
    """Return the expressions in a tag: its value, or the arguments of a part."""
    if isinstance(node, Expr):
        return (node,)
    if isinstance(node, Placeholder):
        return (node.expr,)
    return tuple(node.part.args.values()) if isinstance(node, Included) else ()


def _inside(section: Section | Inverted, frame: Frame, item: Json) -> str:
    """Return the text of a section's body for one item."""
    try:
        return section.body.text(frame.inner(item))
    except TooDeep:
        raise _too_deep(section.line, section.column) from None


def _too_deep(line: int, column: int) -> TemplateError:
    said = f"parts and sections are inside of one another more than {MAX_DEPTH} times"
    return TemplateError(line, column, said, "remove the cycle of parts, or make fewer levels")
