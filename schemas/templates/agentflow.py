"""The ``agentflow`` dialect: strict. A missing value is an error, and nothing is escaped."""

from collections.abc import Iterator

from schemas.templates.errors import TemplateError
from schemas.templates.expressions import ITEM, Expr
from schemas.templates.nodes import Block, Included, Inverted, Node, Section
from schemas.templates.pieces import Tag
from schemas.templates.source import Source
from schemas.templates.tags import tags
from schemas.templates.tree import Dialect, tree


def read(text: str) -> tuple[Block, list[TemplateError]]:
    """Return the nodes of a template, and its errors in order."""
    source, errors = Source(text), list[TemplateError]()
    block = tree(source, tags(source, errors), _DIALECT, errors)
    errors.extend(_items_outside(block))
    return block, errors


def _items_outside(block: Block) -> Iterator[TemplateError]:
    """Yield the errors of ``{{.}}`` outside of every section."""
    for node in block.nodes:
        if isinstance(node, Section | Inverted) and not node.path.name:
            yield _no_item(node.line, node.column)
        given = node.part.args.values() if isinstance(node, Included) else [node] if isinstance(node, Expr) else []
        yield from (_no_item(each.line, each.column) for each in given if each.operand == ITEM)


def _no_item(line: int, column: int) -> TemplateError:
    fix = "put it inside of a section, or into an argument: {{#list}}{{> line text=.}}{{/list}}"
    return TemplateError(line, column, "'.' is the item of a section, and there is none here", fix)


def _leaf(source: Source, tag: Tag, _: str) -> Node:
    if tag.part is not None:
        return Included(tag.part, *source.position(tag.start))
    return tag.expr or Expr(tag.path, (), *source.position(tag.start))


def _section(source: Source, tag: Tag, body: Block) -> Node:
    kind = Inverted if tag.kind == "inverted" else Section
    return kind(tag.path, body, *source.position(tag.start))


# The line of a part stays: its text has no line end of its own.
_DIALECT = Dialect(_leaf, _section, frozenset({"open", "inverted", "close", "comment"}))
