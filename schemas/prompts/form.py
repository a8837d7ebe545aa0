"""The form of a version of a prompt: its dialect, messages, parts, parameters and schemas.

One hash covers all of it. References to parts are resolved when the version is created, and stored with it; so neither
a part's new version nor a label that moves changes an existing version.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.ids import content_hash
from schemas.spec.policy import Effort
from schemas.templates import Dialect

Role = Literal["system", "developer", "user", "assistant"]

MAX_TEMPLATE_CHARS = 256 * 1024
MAX_MESSAGES = 64
MAX_PARTS = 64
#: Of a part inside of a part, and so on.
MAX_PART_DEPTH = 8
#: A hash of more than a text is never that of a text: no template has this first line.
_HASHED = "\0agentflow.prompt/1\n"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptMessage(_Form):
    """One message of a prompt in chat form. ``images`` names the inputs that are images shown with it."""

    role: Role
    template: str = Field(max_length=MAX_TEMPLATE_CHARS)
    images: list[str] = Field(default=[], max_length=16)


class PromptPart(_Form):
    """A text that prompts include. ``refs`` is what its own references to parts mean: see ``PromptForm.refs``."""

    template: str
    refs: dict[str, str] = {}


class PromptParameters(_Form):
    """Parameters of the call that a version gives; a field of the node goes before. ``None`` leaves it to the node."""

    provider: str | None = None
    model: str | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    stop: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(default=[], max_length=16)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    reasoning_effort: Effort | None = None


class PromptForm(_Form):
    """Everything but the template that changes a request. In chat form the texts are in ``messages``.

    ``refs`` maps references as they are written (``header@production``) to versions (``header@2``); ``parts`` has
    these versions, and those that they include in turn. ``input_schema`` and ``output_schema`` are JSON schemas, of
    the values and of the answer; with ``repair`` an answer that does not follow it is asked once more. ``tools`` are
    names of tools that an agent may call.
    """

    dialect: Dialect = "agentflow"
    messages: list[PromptMessage] = Field(default=[], max_length=MAX_MESSAGES)
    refs: dict[str, str] = {}
    parts: dict[str, PromptPart] = Field(default={}, max_length=MAX_PARTS)
    parameters: PromptParameters = PromptParameters()
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    repair: bool = False
    tools: list[str] = Field(default=[], max_length=64)

    @model_validator(mode="after")
    def _has_a_question(self) -> Self:
        if self.messages and not any(message.role == "user" for message in self.messages):
            raise ValueError("a prompt in chat form needs at least one message with the role user")
        if self.repair and self.output_schema is None:
            raise ValueError("repair needs an output_schema: without one every answer is right")
        return self


PLAIN = PromptForm()


def form_hash(template: str, form: PromptForm | None) -> str:
    """Return the SHA-256 of a version: of its text where it is nothing else, else of all in canonical JSON."""
    if form is None or form == PLAIN:
        return content_hash(template.encode())
    document = {"template": template, "form": form.model_dump(mode="json", exclude_defaults=True)}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return content_hash((_HASHED + canonical).encode())
