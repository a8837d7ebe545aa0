"""References to other nodes' outputs, and templates with placeholders.

A string that is exactly ``<node>.output[.path]`` is a reference; any other string is a literal, in which
``{{variable}}`` and ``{{.variable}}`` are placeholders. The value of a placeholder is untrusted data: it is inserted
once and never scanned for placeholders.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from schemas.payload import MissingPath, PathPart, walk
from schemas.records.base import Json

_NODE = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
_PART = r"\.[^\s.\[\]{}]+|\[[0-9]{1,9}\]"
#: The name of the loop itself, in its body and its condition.
LOOP = "loop"
_LOOP_REFERENCE = re.compile(rf"(?:({_NODE})\.(outputs)|({LOOP})\.(previous|iteration))((?:{_PART})*)")
_REFERENCE = re.compile(rf"({_NODE})\.output((?:{_PART})*)")
_PARTS = re.compile(_PART)
_PLACEHOLDER = re.compile(r"\{\{\s*\.?([A-Za-z_][A-Za-z0-9_-]*(?:\.[^\s.{}]+)*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The output of ``node``, walked by ``path``: names as text, ``[n]`` as a number. Digits index a list too.

    Of a loop ``what`` may be ``outputs``, those of all iterations; inside of one ``loop.previous`` and
    ``loop.iteration`` are named so.
    """

    node: str
    path: tuple[PathPart, ...] = ()
    what: str = "output"

    @property
    def source(self) -> str:
        """The name of what is walked: a node for its output, else with what it is, as ``refine.outputs``."""
        return self.node if self.what == "output" else f"{self.node}.{self.what}"


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder: the value called ``name``, walked by ``path``."""

    name: str
    path: tuple[PathPart, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *map(str, self.path)))


class MissingVariable(LookupError):
    """A template needs a value that is missing; the message names it."""


def parse_reference(text: str) -> Reference | None:
    """Return the reference that ``text`` is as a whole, or ``None`` for a literal."""
    # Most literals have no ".output"; the test is a tenth of the price of the match.
    if ".output" not in text:
        return None
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    return Reference(match[1], tuple(_part(part) for part in _PARTS.findall(match[2])))


def parse_loop_reference(text: str) -> Reference | None:
    """Return the reference to a loop's outputs, or to a name inside of one, that ``text`` is; or ``None``.

    It is a literal all the same where no such name is known: see ``Reference.source``.
    """
    match = _LOOP_REFERENCE.fullmatch(text)
    if match is None:
        return None
    path = tuple(_part(part) for part in _PARTS.findall(match[5]))
    return Reference(match[1] or match[3], path, match[2] or match[4])


def _part(text: str) -> PathPart:
    return int(text[1:-1]) if text[0] == "[" else text[1:]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: pieces of text and placeholders, in order."""

    pieces: tuple[str | Variable, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The placeholders, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Variable))

    @property
    def only(self) -> Variable | None:
        """The placeholder that is the whole template, if it is one."""
        first = self.pieces[0] if len(self.pieces) == 1 else None
        return first if isinstance(first, Variable) else None

    def value(self, values: Mapping[str, Json]) -> Json:
        """Return the value for an argument: a lone placeholder keeps its value's type, else it is a text.

        Raises ``MissingVariable``.
        """
        return self.text(values) if self.only is None else look_up(self.only, values)

    def text(self, values: Mapping[str, Json]) -> str:
        """Return the text with every placeholder replaced. Raises ``MissingVariable``."""
        return "".join(p if isinstance(p, str) else as_text(look_up(p, values)) for p in self.pieces)


def parse_placeholder(text: str) -> Variable | None:
    """Return the variable of a text that is one placeholder, ``None`` for any other text."""
    match = _PLACEHOLDER.fullmatch(text)
    return None if match is None else _variable(match[1])


@lru_cache(maxsize=1024)
def parse_template(text: str) -> Template:
    """Split a text at its placeholders. Braces that hold no variable's name are text."""
    pieces: list[str | Variable] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        pieces.append(_variable(match[1]))
        end = match.end()
    if end < len(text) or not pieces:
        pieces.append(text[end:])
    return Template(tuple(pieces))


def _variable(dotted: str) -> Variable:
    name, *path = dotted.split(".")
    return Variable(name, tuple(path))


def variables_of(template: str) -> frozenset[str]:
    """Return the names that a template needs; of ``{{item.text}}`` it is ``item``."""
    return frozenset(variable.name for variable in parse_template(template).variables)


def render(template: str, values: Mapping[str, Json]) -> str:
    """Return a prompt's text: strings as they are, other values as compact JSON. Raises ``MissingVariable``."""
    return parse_template(template).text(values)


def look_up(variable: Variable, values: Mapping[str, Json]) -> Json:
    """Return a placeholder's value. Raises ``MissingVariable``."""
    if variable.name not in values:
        raise MissingVariable(f"'{variable.name}' is needed for {{{{{variable}}}}} and is not given")
    try:
        return walk(values[variable.name], list(variable.path))
    except MissingPath as exc:
        raise MissingVariable(f"{{{{{variable}}}}} leads nowhere: {exc}") from exc


def as_text(value: Json) -> str:
    """Return how a JSON value reads inside a text."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
