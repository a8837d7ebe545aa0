"""Prompt templates: parsed once, rendered with values that are inserted and never read again as template."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from schemas.records.base import Json
from schemas.templates import agentflow, jinja, mustache
from schemas.templates.errors import TemplateError
from schemas.templates.frame import Frame, Run, TooLong
from schemas.templates.limits import MAX_ERRORS, MAX_OUTPUT
from schemas.templates.names import included, needs
from schemas.templates.nodes import Block
from schemas.templates.parts import NO_PARTS, PartRef, Parts

Dialect = Literal["agentflow", "mustache", "jinja"]
_READERS = {"agentflow": agentflow.read, "mustache": mustache.read, "jinja": jinja.read}
_LINES = re.compile(r"^(?!\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; ``parse`` makes it.

    ``block`` has its nodes. ``variables`` are the names that must be given, ``optional`` those that may be: they have a
    default, or a section decides whether they are needed. ``parts`` are the parts that it includes, in order.
    """

    source: str
    dialect: Dialect
    variables: frozenset[str]
    optional: frozenset[str]
    parts: tuple[PartRef, ...]
    block: Block

    def render(self, values: Mapping[str, Json], parts: Parts = NO_PARTS) -> str:
        """Return the text: strings as they are, other values as compact JSON.

        Raises ``MissingVariable``, and ``TemplateError`` where a filter refuses a value, a part is not there or a
        limit is reached.
        """
        root = values if type(values) is dict or not isinstance(values, Mapping) else dict(values)
        try:
            return self.block.text(Frame((root,), parts, Run()))
        except TooLong:
            fix = "give shorter values, or fewer items"
            raise TemplateError(1, 1, f"the text is over {MAX_OUTPUT} characters", fix) from None

    def needs(self, parts: Parts) -> tuple[frozenset[str], frozenset[str]]:
        """Return ``variables`` and ``optional`` of the template and of the parts that it includes.

        A part takes the values of the place where it is included; its arguments replace those of their names.
        """
        return needs(self.block, parts) if self.parts else (self.variables, self.optional)

    def indented(self, indent: str) -> "Template":
        """Return the template with white space before each of its lines."""
        return parse(_LINES.sub(indent, self.source), self.dialect) if indent else self


@lru_cache(maxsize=1024)
def parse(text: str, dialect: Dialect = "agentflow") -> Template:
    """Return the template that a text is. Raises ``TemplateError`` for the first thing that is malformed."""
    block, errors = _READERS[dialect](text)
    if errors:
        raise _in_order(errors)[0]
    must, may = needs(block)
    return Template(text, dialect, must, may, tuple(included(block)), block)


def template_errors(text: str, dialect: Dialect = "agentflow") -> tuple[TemplateError, ...]:
    """Return what is malformed in a text, in order, up to ``MAX_ERRORS``."""
    _, errors = _READERS[dialect](text)
    return tuple(_in_order(errors)[:MAX_ERRORS])


def _in_order(errors: list[TemplateError]) -> list[TemplateError]:
    return sorted(errors, key=lambda error: (error.line, error.column))
