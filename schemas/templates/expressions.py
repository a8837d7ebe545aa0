"""Expressions: a name with its path, the item ``.``, or a literal; then filters. And their values in a frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.records.base import Json
from schemas.spec.references import MissingVariable, Variable, as_text, look_up
from schemas.templates.errors import TemplateError
from schemas.templates.filters import DEFAULT, FILTERS, WrongValue
from schemas.templates.frame import MISSING, Frame, walked


@dataclass(frozen=True, slots=True)
class Path:
    """A name, walked by ``steps``. An empty name is ``.``, the item of the section around it."""

    name: str
    steps: tuple[str, ...] = ()

    def find(self, frame: Frame) -> Json:
        """Return the value, or ``MISSING``. A name is looked up in the contexts that are objects, from inside out."""
        name = self.name
        if not name:
            return walked(frame.contexts[0], self.steps)
        for context in frame.contexts:
            if type(context) is dict and name in context:
                return walked(context[name], self.steps) if self.steps else context[name]
        return MISSING

    def __str__(self) -> str:
        return ".".join((self.name, *self.steps)) or "."


#: The item of the section around a place.
ITEM = Path("")


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number, ``true``, ``false`` or ``null`` as it stands in the template."""

    value: Json

    def find(self, _: Frame) -> Json:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Applied:
    """A filter with its arguments."""

    name: str
    args: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Expr:
    """An operand and the filters that its value goes through. ``line`` and ``column`` are those of its tag."""

    operand: Path | Literal
    filters: tuple[Applied, ...] = ()
    line: int = 1
    column: int = 1

    @property
    def is_optional(self) -> bool:
        """True if a missing value is replaced by a default."""
        return any(each.name == DEFAULT for each in self.filters)

    @property
    def name(self) -> str:
        """The name whose value it needs; empty for an item or a literal."""
        return self.operand.name if isinstance(self.operand, Path) else ""

    def value(self, frame: Frame) -> Json:
        """Return the value. Raises ``MissingVariable``, or ``TemplateError`` for a value that a filter refuses."""
        value = self.operand.find(frame)
        for each in self.filters:
            if value is not MISSING or each.name == DEFAULT:
                value = self._apply(each, value)
        if value is MISSING:
            raise self._missing(frame)
        return value

    def text(self, frame: Frame) -> str:
        """Return the value as it reads inside a text. Raises as ``value`` does."""
        value = self.value(frame) if self.filters else self.operand.find(frame)
        if type(value) is str:
            return frame.run.made(value) if self.filters else value
        if value is MISSING:
            raise self._missing(frame)
        return frame.run.made(as_text(value))

    def _apply(self, each: Applied, value: Json) -> Json:
        try:
            return FILTERS[each.name].apply(value, *each.args)
        except WrongValue as exc:
            said = f"the filter '{each.name}' cannot take the value of '{self._shown}': {exc}"
            raise TemplateError(self.line, self.column, said, "give another value, or remove the filter") from None

    @property
    def _shown(self) -> str:
        return str(self.operand) if isinstance(self.operand, Path) else as_text(self.operand.value)

    def _missing(self, frame: Frame) -> MissingVariable:
        return (
            missing(self.operand, frame)
            if isinstance(self.operand, Path)
            else MissingVariable(f"{self._shown} has no such item")
        )


def missing(path: Path, frame: Frame) -> MissingVariable:
    """Return the error of a path that leads nowhere; it says where it ends."""
    variable = Variable(path.name, path.steps)
    for context in frame.contexts:
        if type(context) is dict and path.name in context:
            return _error_of(variable, context)
    return _error_of(variable, {})


def _error_of(variable: Variable, values: Mapping[str, Json]) -> MissingVariable:
    try:
        look_up(variable, values)
    except MissingVariable as exc:
        return exc
    return MissingVariable(f"{{{{{variable}}}}} is an empty list: it has no first and no last item")


def names_of(expressions: Sequence[Expr]) -> frozenset[str]:
    """Return the names whose values the expressions use."""
    return frozenset(each.name for each in expressions if each.name)
