"""Renders a version with values, as one text or as the messages of a chat. Pure; a value is never read as template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.prompts.texts import parts_of, render_text, templates_of
from schemas.records.base import Json
from schemas.records.steps import TemplateForm
from schemas.templates import TemplateError

_BREAK = "\n\n"


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
