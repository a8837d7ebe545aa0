"""Reads the tags of the ``agentflow`` dialect: where each begins and ends, and what is in it.

``{{`` opens a tag. Of three and more braces in a row the last two do; the others are text, as in ``{{{name}}}``.
A ``}}`` that closes no tag is text: JSON has many of them.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from schemas.records.base import Json
from schemas.templates.cursor import ESCAPE, PLAIN, Cursor, path_of
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Applied, Expr, Literal, Path
from schemas.templates.filters import FILTERS, arguments_problem
from schemas.templates.limits import MAX_ERRORS
from schemas.templates.parts import part_ref
from schemas.templates.pieces import Kind, Tag
from schemas.templates.source import Source

_SIGILS: dict[str, Kind] = {"#": "open", "^": "inverted", "/": "close"}
_REF = re.compile(r"\s*([^\s{}=|\"]*)")
_SIGIL = re.compile(r"\s*([#^/>!&=]?)")
#: Words of other languages that begin a section, and how it is written here.
_BLOCKS = {"if": "#", "each": "#", "with": "#", "for": "#", "range": "#", "unless": "^"}


def tags(source: Source, errors: list[TemplateError]) -> Iterator[Tag]:
    """Yield the tags of a template, and collect the errors of those that are none."""
    text = source.text
    at = text.find("{{")
    while at >= 0 and len(errors) < MAX_ERRORS:
        while text.startswith("{", at + 2):
            at += 1
        try:
            tag = _tag(source, at)
        except TemplateError as exc:
            errors.append(exc)
            end = text.find("}}", at)
            at = text.find("{{", end if end >= 0 else at + 2)
            continue
        yield tag
        at = text.find("{{", tag.end)


def _tag(source: Source, start: int) -> Tag:
    plain = PLAIN.match(source.text, start)
    if plain is not None:
        return Tag("value", start, plain.end(), path=path_of(plain[1]))
    match = _SIGIL.match(source.text, start + 2)
    sigil, at = (match[1], match.end()) if match is not None else ("", start + 2)
    if sigil == "!":
        return _comment(source, start)
    if sigil == ">":
        return _part(source, start, at)
    if sigil in ("&", "="):
        fix = "write {{name}}: nothing is escaped" if sigil == "&" else f"write the tags with {{{{ and }}}}; {ESCAPE}"
        raise source.error(start, f"there are no tags that begin with '{sigil}' in this dialect", fix)
    if sigil:
        return _section(source, start, at, sigil)
    cursor = Cursor(source, start, at)
    expr = _expression(cursor, Literal(cursor.take_literal()) if cursor.sort == "text" else cursor.take_path())
    return Tag("value", start, cursor.take_end(), expr=expr)


def _comment(source: Source, start: int) -> Tag:
    end = source.text.find("}}", start)
    if end < 0:
        raise source.error(start, "the comment is not closed", "close it with }}")
    return Tag("comment", start, end + 2)


def _section(source: Source, start: int, at: int, sigil: str) -> Tag:
    cursor = Cursor(source, start, at)
    word = cursor.token
    path = cursor.take_path()
    if cursor.sort == "path" and word in _BLOCKS and sigil == "#":
        name = cursor.token
        fix = f"write {{{{{_BLOCKS[word]}{name}}}}} and {{{{/{name}}}}}"
        cursor.fail(f"a section has a name and no word like '{word}'", fix, start)
    if cursor.take_sign("|"):
        cursor.fail("a section has no filters", f"write {{{{{sigil}{path}}}}}", start)
    return Tag(_SIGILS[sigil], start, cursor.take_end(), path=path)


def _part(source: Source, start: int, at: int) -> Tag:
    match = _REF.match(source.text, at)
    ref = match[1] if match is not None else ""
    if part_ref(ref, {}) is None:
        said = f"'{ref}' names no prompt" if ref else "the tag names no prompt"
        raise source.error(start, said, "write {{> name}}, {{> name@2}} or {{> name@production}}")
    cursor = Cursor(source, start, match.end() if match is not None else at)
    part = part_ref(ref, dict(_arguments(cursor)))
    return Tag("part", start, cursor.take_end(), part=part)


def _arguments(cursor: Cursor) -> Iterator[tuple[str, Expr]]:
    given: set[str] = set()
    while cursor.sort == "path":
        name, at = cursor.token, cursor.at
        if path_of(name).steps or name.startswith("."):
            cursor.fail(f"'{name}' is no name of an argument", 'write name="a text" or name=path')
        cursor.advance()
        if not cursor.take_sign("="):
            cursor.fail(f"the argument '{name}' has no value", f'write {name}="a text" or {name}=path')
        if name in given:
            cursor.fail(f"the argument '{name}' is given twice", "remove one", at)
        given.add(name)
        yield name, _expression(cursor, Literal(cursor.take_literal()) if cursor.is_literal() else cursor.take_path())


def _expression(cursor: Cursor, operand: Path | Literal) -> Expr:
    """Read the filters of an operand."""
    applied: list[Applied] = []
    while cursor.take_sign("|"):
        applied.append(_filter(cursor))
    line, column = cursor.position
    return Expr(operand, tuple(applied), line, column)


def _filter(cursor: Cursor) -> Applied:
    name, at = cursor.token, cursor.at
    if cursor.sort != "path" or name not in FILTERS:
        near = get_close_matches(name, FILTERS, 1)
        fix = f"write {FILTERS[near[0]].usage}" if near else f"the filters are {', '.join(FILTERS)}"
        shown = f"there is no filter '{name}'" if cursor.sort == "path" else "the name of a filter is missing here"
        cursor.fail(shown, fix)
    cursor.advance()
    args: list[Json] = []
    if cursor.take_sign("(") and not cursor.take_sign(")"):
        args.append(cursor.take_literal())
        while cursor.take_sign(","):
            args.append(cursor.take_literal())
        if not cursor.take_sign(")"):
            cursor.fail(f"the arguments of '{name}' are not closed", f"write {FILTERS[name].usage}")
    if problem := arguments_problem(name, args):
        cursor.fail(problem, f"write {FILTERS[name].usage}", at)
    return Applied(name, tuple(args))
