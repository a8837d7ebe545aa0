"""The ``jinja`` dialect: a subset of Jinja 2, run by the library minijinja in a sandbox.

There is no loader, no function and no object of Python: values are plain data that no template can change. A missing
value is an error, unless it has a default. Steps and texts are bounded; ``jinja_rules`` bounds lists.
"""

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from schemas.records.base import Json
from schemas.spec.references import MissingVariable, as_text
from schemas.templates.errors import TemplateError
from schemas.templates.expressions import Path
from schemas.templates.frame import MISSING, Frame, TooLong
from schemas.templates.jinja_rules import refused
from schemas.templates.limits import MAX_OUTPUT, MAX_WIDTH
from schemas.templates.nodes import Block
from schemas.templates.source import Source

if TYPE_CHECKING:
    from minijinja import Environment
    from minijinja import TemplateError as LibraryError

_NAME = "template"
#: Steps of one rendering, about 0.2 s. The library counts 64 bytes of a text that it makes or inserts as one, too.
_MAX_STEPS = 2_000_000


class _Output(threading.local):
    """The characters that a rendering of this thread has inserted."""

    size = 0


#: What filters raise for a value or an argument of another type.
_WRONG_VALUE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
#: Filters that `map` could reach by name, and that make long texts or lists of short ones.
_REMOVED = ("batch", "chain", "format", "groupby", "lines", "pprint", "slice", "split", "urlencode", "zip")


class Jinja:
    """A whole template of this dialect, as a node."""

    __slots__ = ("_environment", "_output", "_source", "names")

    def __init__(self, source: Source) -> None:
        """Compile a template. Raises the library's error."""
        self._source, self._output = source, _Output()
        self._environment = _environment(self._inserted)
        self._environment.add_template(_NAME, source.text)
        self.names = frozenset(self._environment.undeclared_variables_in_str(source.text))

    def text(self, frame: Frame) -> str:
        """Return the whole text. Raises ``MissingVariable``, ``TemplateError`` and ``TooLong``."""
        found = {name: Path(name).find(frame) for name in self.names}
        values = {name: _frozen(value) for name, value in found.items() if value is not MISSING}
        self._output.size = 0
        try:
            return self._environment.render_template(_NAME, **values)
        except _WRONG_VALUE as exc:
            said = f"a filter cannot take its value or its arguments: {exc}"
            raise self._source.error(0, said, "give values of the types that the filters take") from None
        except _library_error() as exc:
            self._fail(exc)

    def _inserted(self, value: object) -> str:
        text = _plain_text(value)
        self._output.size += len(text)
        if self._output.size > MAX_OUTPUT:
            raise TooLong
        return text

    def _fail(self, exc: "LibraryError") -> NoReturn:
        if exc.kind == "UndefinedError":
            start, end = exc.range or (0, 0)
            shown = self._source.text.encode()[start:end].decode(errors="replace")
            raise MissingVariable(f"'{shown or 'a value'}' is needed in line {exc.line} and is not given") from None
        raise mapped(self._source, exc) from None


def read(text: str) -> tuple[Block, list[TemplateError]]:
    """Return the template as one node, and its errors."""
    source = Source(text)
    errors = list(refused(source))
    if errors:
        return Block(()), errors
    try:
        return Block((Jinja(source),)), []
    except _library_error() as exc:
        return Block(()), [mapped(source, exc)]


def mapped(source: Source, exc: "LibraryError") -> TemplateError:
    """Return the error of the library with its place."""
    start = exc.range[0] if exc.range else 0
    offset = len(source.text.encode()[:start].decode(errors="ignore"))
    if exc.kind == "OutOfFuel":
        return source.error(offset, "the template takes too many steps", "give shorter lists, or a shorter template")
    said = exc.detail or str(exc).partition(" (in ")[0]
    return source.error(offset, f"Jinja: {said}", "write it as Jinja's documentation has it, or as a text in {% raw %}")


def _library_error() -> "type[LibraryError]":
    # Imported when it is used: most processes never need the library.
    from minijinja import TemplateError as LibraryError

    return LibraryError


def _environment(finalizer: Any) -> "Environment":
    from minijinja import Environment

    environment = Environment(
        undefined_behavior="strict",
        fuel=_MAX_STEPS,
        debug=False,
        pycompat=False,
        keep_trailing_newline=True,
        auto_escape_callback=lambda _: False,
        finalizer=finalizer,
        filters={"join": _join, "replace": _replace, "indent": _indent, "tojson": _tojson, "string": _plain_text},
    )
    for name in list(environment.globals):
        environment.remove_global(name)
    for name in _REMOVED:
        environment.remove_filter(name)
    return environment


def _frozen(value: Json) -> object:
    """Return a value that a template can read and not change."""
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(each) for key, each in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _thawed(value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _thawed(each) for key, each in value.items()}
    return list(map(_thawed, value)) if isinstance(value, list | tuple) else value


def _plain_text(value: object) -> str:
    return value if isinstance(value, str) else as_text(_thawed(value))


def _tojson(value: object) -> str:
    return as_text(_thawed(value)) if not isinstance(value, str) else as_text([value])[1:-1]


def _bounded(size: int) -> None:
    if size > MAX_WIDTH:
        raise TooLong


def _join(values: Any, between: str = "", attribute: str | None = None) -> str:
    texts = [_plain_text(each if attribute is None else each[attribute]) for each in values]
    _bounded(len(between) * len(texts))
    return between.join(texts)


def _replace(text: object, old: str, new: str) -> str:
    plain = _plain_text(text)
    _bounded(plain.count(old) * len(new))
    return plain.replace(old, new)


def _indent(text: object, width: int = 4, first: bool = False, blank: bool = False) -> str:
    lines = _plain_text(text).split("\n")
    _bounded(len(lines) * max(0, width))
    pad = " " * width
    return "\n".join(pad + line if (n or first) and (line or blank or not n) else line for n, line in enumerate(lines))
