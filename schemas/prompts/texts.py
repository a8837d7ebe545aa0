"""The texts of a prompt's version, with the parts that its form pins: the names that they need, and their rendering."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from schemas.prompts.form import PromptForm
from schemas.records.base import Json
from schemas.records.steps import TemplateForm
from schemas.templates import NO_PARTS, Dialect, Parts, Template, TemplateError, parse_stored

Form = PromptForm | TemplateForm


class _Text(Protocol):
    @property
    def template(self) -> str: ...

    @property
    def refs(self) -> Mapping[str, str]: ...


class PinnedParts:
    """The parts of a form. ``refs`` is what the references of one text mean; each part has refs of its own."""

    __slots__ = ("_dialect", "_parts", "_refs")

    def __init__(self, refs: Mapping[str, str], parts: Mapping[str, _Text], dialect: Dialect) -> None:
        self._refs, self._parts, self._dialect = refs, parts, dialect

    def part(self, ref: str) -> tuple[Template, Parts]:
        found = self._parts[self._refs.get(ref, ref)]
        return parse_stored(found.template, self._dialect), PinnedParts(found.refs, self._parts, self._dialect)


def parts_of(form: Form | None) -> Parts:
    """Return the parts that the texts of a version may include."""
    return NO_PARTS if form is None else PinnedParts(form.refs, form.parts, form.dialect)


def templates_of(template: str, form: Form | None) -> Iterator[Template]:
    """Yield the templates of a version: its messages in chat form, else its text. Raises ``TemplateError``."""
    if form is None:
        yield parse_stored(template)
        return
    for text in [message.template for message in form.messages] or [template]:
        yield parse_stored(text, form.dialect)


def part_refs(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the references of a template to parts as they are written, one for each tag; none of a malformed one."""
    try:
        return tuple(part.ref for part in parse_stored(text, dialect).parts)
    except TemplateError:
        return ()


def required_names(template: str, form: Form | None = None) -> frozenset[str]:
    """Return the names that a version's texts and images must be given."""
    return _names(template, form)[0]


def known_names(template: str, form: Form | None = None) -> frozenset[str]:
    """Return the names that a version's texts and images use, also those that may be missing."""
    must, may = _names(template, form)
    return must | may if may else must


def _names(template: str, form: Form | None) -> tuple[frozenset[str], frozenset[str]]:
    if form is None:
        plain = parse_stored(template)
        return plain.variables, plain.optional
    must = {name for message in form.messages for name in message.images}
    may: set[str] = set()
    try:
        for one in templates_of(template, form):
            needed, other = one.needs(parts_of(form))
            must |= needed
            may |= other
    except TemplateError:
        # It was well-formed when it was created. A fold must not stop here; the rendering reports it.
        pass
    return frozenset(must), frozenset(may - must)


def render_text(template: str, form: Form | None, values: Mapping[str, Json]) -> str:
    """Return the text of a version; in chat form the texts of its messages, with an empty line between.

    Raises ``MissingVariable`` and ``TemplateError``.
    """
    parts = parts_of(form)
    return "\n\n".join(one.render(values, parts) for one in templates_of(template, form))
