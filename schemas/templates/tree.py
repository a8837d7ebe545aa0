"""Builds the nodes of a template from its tags: what is inside of which section, and which lines are for tags only."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from schemas.templates.errors import TemplateError
from schemas.templates.limits import MAX_NESTING
from schemas.templates.nodes import Block, Node
from schemas.templates.pieces import Tag
from schemas.templates.source import Source


@dataclass(slots=True)
class _Open:
    tag: Tag | None
    nodes: list[str | Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a dialect makes of tags. ``own_lines`` are the kinds of tags whose line vanishes when they are alone in it.

    ``leaf`` gets the white space before a tag that has its line for itself, else nothing.
    """

    leaf: Callable[[Source, Tag, str], Node]
    section: Callable[[Source, Tag, Block], Node]
    own_lines: frozenset[str]


def tree(source: Source, tags: Iterable[Tag], dialect: Dialect, errors: list[TemplateError]) -> Block:
    """Return the whole template. Sections that are not closed, or closed twice, are added to ``errors``."""
    text, stack, at = source.text, [_Open(None)], 0
    for tag in tags:
        line = source.own_line(tag.start, tag.end) if tag.kind in dialect.own_lines else None
        begin, end = line or (tag.start, tag.end)
        _add_text(stack[-1], text[at:begin])
        at = end
        if tag.kind in ("open", "inverted"):
            _open(source, stack, tag, errors)
        elif tag.kind == "close":
            _close(source, stack, tag, dialect, errors)
        elif tag.kind != "comment":
            stack[-1].nodes.append(dialect.leaf(source, tag, text[begin : tag.start]))
    errors.extend(_unclosed(source, left.tag) for left in stack if left.tag is not None)
    _add_text(stack[-1], text[at:])
    return Block(tuple(stack[0].nodes))


def _add_text(here: _Open, text: str) -> None:
    if text:
        here.nodes.append(text)


def _open(source: Source, stack: list[_Open], tag: Tag, errors: list[TemplateError]) -> None:
    if len(stack) == MAX_NESTING + 1:
        said = f"sections are inside of one another more than {MAX_NESTING} times"
        errors.append(source.error(tag.start, said, "put the inner ones into a part"))
    stack.append(_Open(tag))


def _close(source: Source, stack: list[_Open], tag: Tag, dialect: Dialect, errors: list[TemplateError]) -> None:
    opened = stack[-1].tag
    if opened is None:
        said = f"the section '{tag.path}' is closed and was not opened"
        errors.append(source.error(tag.start, said, f"remove the tag, or write {{{{#{tag.path}}}}} before"))
        return
    if opened.path != tag.path:
        said = f"'{tag.path}' is closed, and the section that is open is '{opened.path}'"
        errors.append(source.error(tag.start, said, f"write {{{{/{opened.path}}}}} first"))
        if not any(each.tag is not None and each.tag.path == tag.path for each in stack):
            return
        while stack[-1].tag is not None and stack[-1].tag.path != tag.path:
            stack.pop()
        opened = stack[-1].tag or opened
    block = Block(tuple(stack.pop().nodes))
    stack[-1].nodes.append(dialect.section(source, opened, block))


def _unclosed(source: Source, tag: Tag) -> TemplateError:
    said = f"the section '{tag.path}' is not closed"
    return source.error(tag.start, said, f"write {{{{/{tag.path}}}}} where it ends")
