"""Tags with one opening brace and two closing ones: ``{name}}``. A model would receive them as text."""

import re
from collections.abc import Iterator, Sequence

from schemas.templates.cursor import ESCAPE
from schemas.templates.errors import TemplateError
from schemas.templates.pieces import Tag
from schemas.templates.source import Source

#: A brace, what a tag may hold, and two braces. JSON has quotes, colons and commas there; a shell has a dollar before.
_HALF = re.compile(r"(?<![{$])\{(?!\{)\s*(?:[#^/>]\s*)?\.?[A-Za-z_][^{}:,;\"]*\}\}")
_BRACE = re.compile(r"[{}]")


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
