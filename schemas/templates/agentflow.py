"""The ``agentflow`` dialect: strict. A missing value is an error, and nothing is escaped."""

import re
from collections.abc import Iterator, Sequence

from schemas.templates.cursor import ESCAPE
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import ITEM, Expr, Path
from schemas.templates.nodes import Block, Included, Inverted, Node, Section, expressions, value_node
from schemas.templates.pieces import Tag
from schemas.templates.source import Source
from schemas.templates.tags import tags
from schemas.templates.tree import Dialect, tree

#: A brace, what a tag may hold, and two braces. JSON has quotes, colons and commas there; a shell has a dollar before.
_HALF = re.compile(r"(?<![{$])\{(?!\{)\s*(?:[#^/>]\s*)?\.?[A-Za-z_][^{}:,;\"]*\}\}")
_BRACE = re.compile(r"[{}]")

_ELSE = Path("else")


def half_tags(source: Source, tags: Sequence[Tag]) -> Iterator[TemplateError]:
    """Yield an error for each tag whose last brace closes nothing. Balanced braces are text: ``{a: {b}}``."""
    if _HALF.search(source.text) is None:
        return
    depth, at = 0, 0
    for begin, end in [*((tag.start, tag.end) for tag in tags), (len(source.text), len(source.text))]:
        for brace in _BRACE.finditer(source.text, at, begin):
            half = _HALF.match(source.text, brace.start(), begin) if not depth else None
            if half is not None:
                fix = f"write {{{half[0]}; {ESCAPE}"
                yield source.error(brace.start(), f"'{half[0]}' lacks a brace before it", fix)
            depth = max(0, depth + (1 if brace[0] == "{" else -1))
        at = end


def read(text: str) -> tuple[Block, list[TemplateError]]:
    """Return the nodes of a template, and its errors in order."""
    source, errors = Source(text), list[TemplateError]()
    found = list(tags(source, errors))
    block = tree(source, found, _DIALECT, errors)
    if not errors:
        errors.extend(_misplaced(block, is_inside=False))
        errors.extend(half_tags(source, found))
    return block, errors


def _misplaced(block: Block, *, is_inside: bool) -> Iterator[TemplateError]:
    """Yield the errors of ``{{.}}`` outside of every section, and of ``{{else}}`` inside of one."""
    for node in block.nodes:
        if isinstance(node, Section | Inverted):
            if not is_inside and not node.path.name:
                yield _no_item(node.line, node.column)
            yield from _misplaced(node.body, is_inside=True)
        for each in expressions(node):
            if not is_inside and each.operand == ITEM:
                yield _no_item(each.line, each.column)
            if is_inside and each.operand == _ELSE and not isinstance(node, Included):
                yield TemplateError(each.line, each.column, "a section has no else", "write {{/x}}{{^x}}...{{/x}}")


def _no_item(line: int, column: int) -> TemplateError:
    fix = "put it inside of a section, or into an argument: {{#list}}{{> line text=.}}{{/list}}"
    return TemplateError(line, column, "'.' is the item of a section, and there is none here", fix)


def _leaf(source: Source, tag: Tag, _: str) -> Node:
    if tag.part is not None:
        return Included(tag.part, *source.position(tag.start))
    return value_node(tag.expr or Expr(tag.path, (), *source.position(tag.start)))


def _section(source: Source, tag: Tag, body: Block) -> Node:
    kind = Inverted if tag.kind == "inverted" else Section
    return kind(tag.path, body, *source.position(tag.start))


# The line of a part stays: its text has no line end of its own.
_DIALECT = Dialect(_leaf, _section, frozenset({"open", "inverted", "close", "comment"}))
