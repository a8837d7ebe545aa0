"""Renders a version with values, as one text or as the messages of a chat. Pure; a value is never read as template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.errors import StepError
from schemas.prompts.texts import Form, known_names, parts_of, render_text, templates_of
from schemas.records.base import Json
from schemas.records.steps import TemplateForm
from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError
from schemas.values.json_schemas import BadSchema, violations

_BREAK = "\n\n"


def value_violations(template: str, form: Form | None, values: Mapping[str, Json]) -> tuple[str, ...]:
    """Return where values break a prompt's input schema, as ``violations`` does. Raises ``BadSchema``.

    Values that neither the prompt's texts nor the schema name are left out: a node without ``inputs`` has all of the
    run's, and most of them are not for its prompt.
    """
    schema = None if form is None else form.input_schema
    if schema is None:
        return ()
    read = known_names(template, form) | _named_by(schema)
    return violations(schema, {name: value for name, value in values.items() if name in read})


def _named_by(schema: Mapping[str, Any]) -> frozenset[str]:
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, dict) else []
    if isinstance(required, list):
        names += [name for name in required if isinstance(name, str)]
    return frozenset(names)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered version. ``history`` are the messages before the last one of the user, which is ``prompt``."""

    prompt: str
    system: str = ""
    developer: str = ""
    history: tuple[tuple[Literal["user", "assistant"], str], ...] = ()


def rendered(template: str, form: TemplateForm | None, values: Mapping[str, Json]) -> Rendered:
    """Return a version with its values inserted.

    System messages are joined, and so are those of a developer, wherever they stand; a message without any text is left
    out, unless it is the last one. Raises ``MissingVariable`` and ``TemplateError``, the latter for a chat that ends
    with a message of the assistant, too.
    """
    if form is None or not form.messages:
        return Rendered(render_text(template, form, values))
    parts = parts_of(form)
    said = [
        (message.role, one.render(values, parts))
        for message, one in zip(form.messages, templates_of(template, form), strict=True)
    ]
    turns = [(role, text) for role, text in said if role in ("user", "assistant")]
    if not turns or turns[-1][0] != "user":
        fix = "end with a message of the user, such as what to do next"
        raise TemplateError(1, 1, "the last message is not the user's, so the model has nothing to answer", fix)
    history = tuple((role, text) for role, text in turns[:-1] if text.strip())
    return Rendered(turns[-1][1], _joined(said, "system"), _joined(said, "developer"), history)


def _joined(said: list[tuple[Literal["system", "developer", "user", "assistant"], str]], role: str) -> str:
    return _BREAK.join(text for one, text in said if one == role and text.strip())


def rendered_for(
    prompt: str,
    template: str,
    form: TemplateForm | None,
    values: Mapping[str, Json],
    given: Mapping[str, Json] | None = None,
) -> Rendered:
    """Return what a version says in a call, after its values were checked. ``prompt`` is its ``name@version``.

    ``given`` are the values as they were bound, where ``values`` has others in their place. Raises a final
    ``StepError``: ``invalid_prompt_input`` for values that the prompt's input schema refuses, ``missing_variable``, and
    ``bad_template`` for a text that cannot be rendered with these values.
    """
    _check_values(prompt, template, form, values if given is None else given)
    try:
        return rendered(template, form, values)
    except MissingVariable as exc:
        raise StepError("missing_variable", f"prompt {prompt}: {exc}") from exc
    except TemplateError as exc:
        raise StepError("bad_template", f"prompt {prompt}: {exc}") from exc


def _check_values(prompt: str, template: str, form: TemplateForm | None, values: Mapping[str, Json]) -> None:
    try:
        found = value_violations(template, form, values)
    except BadSchema as exc:
        raise StepError("invalid_prompt_input", f"prompt {prompt}: its schema cannot be used: {exc}") from exc
    if found:
        raise StepError(
            "invalid_prompt_input",
            f"prompt {prompt}: its values break its schema: {'; '.join(found)}; give other inputs",
            details={"violations": "; ".join(found)},
        )
