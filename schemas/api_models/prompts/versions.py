"""Prompts: versions of text or messages, with everything else that changes a request, and their labels."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from schemas.api_models.access import ID_PATTERN
from schemas.api_models.base import Answer, Request, Text
from schemas.prompts.form import (
    MAX_MESSAGES,
    MAX_TEMPLATE_CHARS,
    PromptForm,
    PromptMessage,
    PromptParameters,
)
from schemas.prompts.refs import MAX_LABELS, check_label
from schemas.spec.model import NAME_PATTERN
from schemas.templates import Dialect
from schemas.values.text import clean_text

MAX_VERSION = 999_999_999
"""The highest prompt version that ``name@version`` can express."""

Label = Annotated[str, AfterValidator(check_label)]
Version = Annotated[int, Field(ge=1, le=MAX_VERSION, strict=True)]
ToolName = Annotated[str, Field(pattern=NAME_PATTERN)]


class CreatePrompt(Request):
    """A new version of a prompt. The server numbers it when ``version`` is not given.

    A prompt is either ``template``, a text, or ``messages`` with roles. Both may have ``{{variable}}`` and
    ``{{.variable}}``, and include other prompts: ``{{> header@2}}``, ``{{> header@production}}``. What these name is
    resolved now and stored with the version. ``schema`` describes the variables, in JSON Schema or in the short form
    of names and types; every call's values must follow it. ``output_schema`` describes the answer; with ``repair`` an
    answer that does not follow it is asked once more. ``parameters`` hold where a node does not say otherwise.
    ``project`` is the owner; without one all of the organisation may use the prompt. ``labels`` are moved to the
    version.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "document_analyzer",
                    "version": 3,
                    "template": "Analyze this document: {{.content}}",
                    "schema": {"content": {"type": "string", "required": True}},
                }
            ]
        },
    )

    name: str = Field(pattern=NAME_PATTERN)
    template: Text | None = Field(default=None, min_length=1, max_length=MAX_TEMPLATE_CHARS)
    messages: list[PromptMessage] = Field(default=[], max_length=MAX_MESSAGES)
    dialect: Dialect = "agentflow"
    version: Version | None = None
    variables: dict[str, Any] | None = Field(default=None, alias="schema")
    output_schema: dict[str, Any] | None = None
    repair: bool = Field(default=False, strict=True)
    parameters: PromptParameters = PromptParameters()
    tools: list[ToolName] = Field(default=[], max_length=64)
    project: str | None = Field(default=None, pattern=ID_PATTERN)
    message: Text = Field(default="", max_length=2_000)
    parent: Version | None = None
    labels: list[Label] = Field(default=[], max_length=MAX_LABELS)

    @model_validator(mode="after")
    def _text_or_messages(self) -> Self:
        if (self.template is None) == (not self.messages):
            raise ValueError("a prompt has either `template` or `messages`: give one of them")
        for message in self.messages:
            clean_text(message.template)
        self.form()
        return self

    def form(self) -> PromptForm:
        """Return the form of the version, without the schema of its values and without parts."""
        return PromptForm(
            dialect=self.dialect,
            messages=self.messages,
            parameters=self.parameters,
            output_schema=self.output_schema,
            repair=self.repair,
            tools=self.tools,
        )


class PromptAnswer(Answer):
    """One immutable version of a prompt. ``hash`` covers all that changes a request.

    ``form`` has everything else, with its parts resolved; ``null`` for a text alone. ``author`` is the id of the key
    that made it.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    id: str
    name: str
    version: int
    template: str
    hash: str
    variables: dict[str, Any] | None = Field(default=None, alias="schema")
    form: dict[str, Any] | None = None
    project: str | None = None
    author: str = ""
    message: str = ""
    parent: int | None = None
    labels: list[str] = []
    created_at: str | None
    archived_at: str | None = None


class PromptEntry(Answer):
    """A prompt as lists show it: its newest version, and the versions that its labels name."""

    name: str
    version: int
    versions: int
    hash: str
    created_at: str | None
    project: str | None = None
    labels: dict[str, int] = {}
    archived_at: str | None = None


class PromptPage(Answer):
    """The prompts of the organisation."""

    prompts: list[PromptEntry]


class PromptVersionEntry(Answer):
    """A version as lists show it."""

    version: int
    hash: str
    author: str
    message: str
    parent: int | None = None
    labels: list[str]
    created_at: str | None


class PromptVersionPage(Answer):
    """The newest 1,000 versions of a prompt, the newest first."""

    name: str
    archived_at: str | None = None
    versions: list[PromptVersionEntry]


class MoveLabel(Request):
    """The version that a label shall name. ``expected_version`` is what it names now, ``null`` where there is no such
    label; the request is refused if that is no longer so. Without it the label is moved whatever it names.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"version": 4, "expected_version": 3}]}
    )

    version: Version
    expected_version: Version | None = None


class LabelAnswer(Answer):
    """A label and the version that it names. ``revision`` counts its moves; ``moved_by`` is the id of a key."""

    name: str
    label: str
    version: int
    revision: int
    moved_by: str
    moved_at: str | None


class LabelMoveEntry(Answer):
    """One move of a label; ``version`` is ``null`` where it was removed."""

    label: str
    version: int | None
    revision: int
    moved_by: str
    moved_at: str | None


class LabelPage(Answer):
    """The labels of a prompt, and their newest 1,000 moves, the newest first."""

    name: str
    labels: list[LabelAnswer]
    moves: list[LabelMoveEntry]
