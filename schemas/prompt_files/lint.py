"""Finds errors and risks in the prompt of a file, without a server: templates, variables, parts and injections."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.injection import is_closed, places
from schemas.prompt_files.versions import Part, parts_of, texts_of
from schemas.prompts.form import MAX_PART_DEPTH
from schemas.prompts.input_schemas import input_schema_of
from schemas.templates import Template, TemplateError, parse, template_errors
from schemas.templates.source import Source

#: Returns the prompt that a reference names, or ``None`` for one that is unknown.
Find = Callable[[Part], CreatePrompt | None]
_TRUSTING = frozenset({"system", "developer"})
#: English has about four bytes to a token; a token is at least a byte.
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to correct, at a line and column of the file, from 1."""

    line: int
    column: int
    rule: str
    severity: Literal["error", "warning"]
    message: str
    fix: str


class Size(NamedTuple):
    """The tokens of a prompt's own text with its parts: about as many, and at most."""

    tokens: int
    most: int


class _Text(NamedTuple):
    """A template, the role of its message, and where the file has it."""

    template: str
    role: str
    line: int
    column: int


def lint(prompt: CreatePrompt, file: str, find: Find) -> list[Finding]:
    """Return what to correct in a prompt, in the order of the file. ``file`` is the text that it was read from."""
    return sorted(_Lint(prompt, file, find).findings(), key=lambda one: (one.line, one.column, one.rule))


def size_of(prompt: CreatePrompt, find: Find) -> Size:
    """Return how many tokens the prompt itself has, before values are inserted."""
    size = sum(len(text.encode()) for text in _all_texts(prompt, find, 0))
    return Size(-(-size // _BYTES_PER_TOKEN), size)


def _all_texts(prompt: CreatePrompt, find: Find, depth: int) -> Iterator[str]:
    yield from texts_of(prompt)
    for part in parts_of(prompt) if depth < MAX_PART_DEPTH else ():
        if (found := find(part)) is not None:
            yield from _all_texts(found, find, depth + 1)


class _Parts:
    """The parts of a template, as its names are looked up."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def part(self, ref: str) -> "tuple[Template, _Parts]":
        name, _, which = ref.partition("@")
        found = self._find(Part(name, which))
        if found is None:
            raise LookupError(ref)
        try:
            return parse(found.template or "", found.dialect), self
        except TemplateError:
            raise LookupError(ref) from None


class _Lint:
    def __init__(self, prompt: CreatePrompt, file: str, find: Find) -> None:
        self._prompt, self._find = prompt, find
        self._texts = list(_placed(prompt, file))
        schema = None if prompt.variables is None else input_schema_of(prompt.variables)
        self._schema: dict[str, Any] | None = schema
        properties = (schema or {}).get("properties")
        self._properties: dict[str, Any] = properties if isinstance(properties, dict) else {}
        self._required: list[str] = list((schema or {}).get("required", ()))

    def findings(self) -> Iterator[Finding]:
        errors = [
            _of_error(text, one) for text in self._texts for one in template_errors(text.template, self._prompt.dialect)
        ]
        yield from errors
        unknown = list(self._unknown_parts())
        yield from unknown
        if not errors:
            yield from self._variables(certain=not unknown)
        for text in self._texts:
            yield from self._injections(text)

    def _unknown_parts(self) -> Iterator[Finding]:
        for part in parts_of(self._prompt):
            if part.name == self._prompt.name:
                yield self._at(
                    part.name, "part-cycle", "error", f"the prompt includes itself by '{part.ref}'", "remove it"
                )
            elif (found := self._find(part)) is None:
                said = f"there is no prompt '{part.ref}'"
                yield self._at(part.name, "unknown-part", "error", said, "add its file, or correct the name")
            elif found.messages:
                said = f"'{part.ref}' is in chat form"
                yield self._at(part.name, "unknown-part", "error", said, "include prompts in text form only")
            elif self._reaches(found, 0):
                said = f"'{part.ref}' includes this prompt in turn"
                yield self._at(part.name, "part-cycle", "error", said, "remove one of the references")

    def _reaches(self, prompt: CreatePrompt, depth: int) -> bool:
        for part in parts_of(prompt) if depth < MAX_PART_DEPTH else ():
            found = self._find(part)
            if part.name == self._prompt.name or (found is not None and self._reaches(found, depth + 1)):
                return True
        return False

    def _variables(self, *, certain: bool) -> Iterator[Finding]:
        must, may = self._names(self._texts)
        may |= {image for message in self._prompt.messages for image in message.images}
        if self._schema is None:
            if must:
                said = f"no schema describes {', '.join(sorted(must))}"
                yield Finding(1, 1, "no-schema", "warning", said, "write input: {schema: {name: string}}")
            return
        for name in sorted(must - self._properties.keys()):
            if self._schema.get("additionalProperties", False) is False:
                said = f"'{name}' is used, and the schema does not have it"
                yield self._at(
                    name, "missing-variable", "error", said, f"add {name} to input.schema, or correct the name"
                )
        for name in sorted((must & self._properties.keys()) - set(self._required)):
            said = f"'{name}' must be given, and the schema does not require it"
            yield self._at(name, "optional-variable", "warning", said, f'require it, or write {name} | default("")')
        for name in sorted(self._properties.keys() - must - may) if certain else ():
            said = f"'{name}' is in the schema, and nothing uses it"
            yield Finding(1, 1, "unused-variable", "warning", said, "use it, or remove it from input.schema")

    def _names(self, texts: list[_Text]) -> tuple[set[str], set[str]]:
        must: set[str] = set()
        may: set[str] = set()
        for text in texts:
            needed, possible = parse(text.template, self._prompt.dialect).needs(_Parts(self._find))
            must |= needed
            may |= possible
        return must, may

    def _injections(self, text: _Text) -> Iterator[Finding]:
        for place in places(text.template):
            if is_closed(place.name, self._properties):
                continue
            name = "the item" if place.name == "." else f"'{place.name}'"
            at = _position(text, Source(text.template).position(place.offset))
            if text.role in _TRUSTING:
                fix = "move it to a message of the user; a value that you trust is x-trusted: true in the schema"
                said = f"{name} is inserted into a message of the {text.role}, which the model obeys"
                yield Finding(*at, "value-in-instructions", "warning", said, fix)
            elif not place.is_marked and place.begins_line:
                fix = f"put it between marks: <{place.name.strip('.') or 'item'}> before and after"
                yield Finding(*at, "value-begins-line", "warning", f"{name} begins a line after instructions", fix)
            elif not place.is_marked:
                fix = "put it between quotes or marks such as <text> and </text>"
                yield Finding(*at, "value-without-marks", "warning", f"{name} has no marks around it", fix)

    def _at(self, name: str, rule: str, severity: Literal["error", "warning"], message: str, fix: str) -> Finding:
        """Return a finding where a name is first in the texts."""
        for text in self._texts:
            offset = text.template.find(name)
            if offset >= 0:
                return Finding(*_position(text, Source(text.template).position(offset)), rule, severity, message, fix)
        return Finding(1, 1, rule, severity, message, fix)


def _placed(prompt: CreatePrompt, file: str) -> Iterator[_Text]:
    """Yield the templates with the line and column where the file has them; in front matter that is the first."""
    texts = [(one.template, str(one.role)) for one in prompt.messages] or [(prompt.template or "", "user")]
    lines, start = file.replace("\r\n", "\n"), 0
    for template, role in texts:
        at = lines.find(template, start)
        line, column = Source(lines).position(max(0, at))
        start = at + len(template) if at >= 0 else start
        yield _Text(template, role, line, column)


def _position(text: _Text, place: tuple[int, int]) -> tuple[int, int]:
    line, column = place
    return text.line + line - 1, column + (text.column - 1 if line == 1 else 0)


def _of_error(text: _Text, error: TemplateError) -> Finding:
    return Finding(*_position(text, (error.line, error.column)), "template", "error", error.message, error.fix)
