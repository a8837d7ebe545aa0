"""The ``mustache`` dialect, as mustache/spec has it: a missing value is empty, and values are escaped for HTML.

It has no lambdas, inheritance or dynamic names, and the delimiters cannot be set. Malformed tags are errors here too.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.spec.references import as_text
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Path
from schemas.templates.frame import MISSING, Frame
from schemas.templates.limits import MAX_ERRORS
from schemas.templates.nodes import Block, Included, Inverted, Node, Section
from schemas.templates.parts import part_ref
from schemas.templates.pieces import Kind, Tag
from schemas.templates.source import Source
from schemas.templates.tree import Dialect, tree

_KINDS: dict[str, Kind] = {"#": "open", "^": "inverted", "/": "close", ">": "part", "&": "raw", "": "value"}
_SIGIL = re.compile(r"([#^/>!&={]?)\s*")
_NAME = re.compile(r"\.|[^\s.{}]+(?:\.[^\s.{}]+)*")


@dataclass(frozen=True, slots=True)
class Value:
    """``{{path}}``, or without escapes ``{{{path}}}`` and ``{{&path}}``."""

    path: Path
    is_escaped: bool

    def text(self, frame: Frame) -> str:
        """Return the value's text; nothing for a value that is missing or null."""
        value = self.path.find(frame)
        if value is MISSING or value is None:
            return ""
        text = as_text(value)
        return frame.run.made(html.escape(text, quote=False).replace('"', "&quot;") if self.is_escaped else text)


@dataclass(frozen=True, slots=True)
class Partial:
    """``{{>name}}``: a part, whose lines are indented as its tag is; nothing if there is no such part."""

    part: Included
    indent: str

    def text(self, frame: Frame) -> str:
        """Return the part's text."""
        return self.part.text_of(frame, self.indent, is_needed=False)


def read(text: str) -> tuple[Block, list[TemplateError]]:
    """Return the nodes of a template, and its errors."""
    source, errors = Source(text), list[TemplateError]()
    return tree(source, _tags(source, errors), _DIALECT, errors), errors


def _tags(source: Source, errors: list[TemplateError]) -> Iterator[Tag]:
    at = source.text.find("{{")
    while at >= 0 and len(errors) < MAX_ERRORS:
        try:
            tag = _tag(source, at)
        except TemplateError as exc:
            errors.append(exc)
            end = source.text.find("}}", at)
            at = source.text.find("{{", end if end >= 0 else len(source.text))
            continue
        yield tag
        at = source.text.find("{{", tag.end)


def _tag(source: Source, start: int) -> Tag:
    text = source.text
    match = _SIGIL.match(text, start + 2)
    sigil, at = (match[1], match.end()) if match is not None else ("", start + 2)
    close = "}}}" if sigil == "{" else "}}"
    end = text.find(close, at)
    if end < 0:
        raise source.error(start, "the tag is not closed", f"close it with {close}")
    if sigil == "!":
        return Tag("comment", start, end + 2)
    if sigil == "=":
        raise source.error(start, "the delimiters of tags cannot be set", "write tags with {{ and }}")
    return _named(source, Tag(_KINDS.get(sigil, "raw"), start, end + len(close)), text[at:end].strip())


def _named(source: Source, tag: Tag, name: str) -> Tag:
    if _NAME.fullmatch(name) is None:
        said = f"'{name[:40]}' is no name: one has no white space and no braces" if name else "the tag has no name"
        raise source.error(tag.start, said, "write {{name}} or {{name.of.a.field}}")
    if tag.kind != "part":
        head, *steps = [""] if name == "." else name.split(".")
        return Tag(tag.kind, tag.start, tag.end, path=Path(head, tuple(steps)))
    part = part_ref(name, {})
    if part is None:
        raise source.error(tag.start, f"'{name[:40]}' names no prompt", "write {{> name}} or {{> name@2}}")
    return Tag("part", tag.start, tag.end, part=part)


def _leaf(source: Source, tag: Tag, indent: str) -> Node:
    if tag.part is not None:
        return Partial(Included(tag.part, *source.position(tag.start)), indent)
    return Value(tag.path, tag.kind == "value")


def _section(source: Source, tag: Tag, body: Block) -> Node:
    kind = Inverted if tag.kind == "inverted" else Section
    return kind(tag.path, body, *source.position(tag.start))


_DIALECT = Dialect(_leaf, _section, frozenset({"open", "inverted", "close", "comment", "part"}))
