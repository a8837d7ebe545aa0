"""What an organisation declares of tools that workers of queues have."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, model_validator

from schemas.api_models.base import Answer, Request, Text
from schemas.api_models.operations.queues import QueueOwner
from schemas.api_models.tools import DeclaredSecurity
from schemas.records.security.pinned import SinkKind, ToolSecurity

_MOST = 64
_Word = Annotated[Text, Field(min_length=1, max_length=200)]
_Words = Annotated[list[_Word], Field(max_length=100)]
_EXAMPLE: dict[str, JsonValue] = {
    "source": ["third_party"],
    "effects": True,
    "sinks": {"to": "recipient", "body": "content"},
}


class DeclareQueueTool(Request):
    """The declaration of a tool, which policies read. ``of`` says whose queue of that name it is on.

    ``source`` is the label of what it gives, without it the least trusted; ``fields`` that of parts of it, by path;
    ``readers`` the paths of fields that list who may read a part. ``effects``: it changes something outside. ``sinks``:
    what an effect does with an argument. ``pure``: its result depends on its arguments alone. ``reads_when``: values of
    arguments with which a call only reads. What endorses, only a policy says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    of: QueueOwner = "organisation"
    source: _Words = []
    fields: Annotated[dict[_Word, _Words], Field(max_length=_MOST)] = {}
    readers: Annotated[dict[_Word, _Word], Field(max_length=_MOST)] = {}
    effects: bool | None = None
    sinks: Annotated[dict[_Word, SinkKind], Field(max_length=_MOST)] = {}
    pure: bool = False
    reads_when: Annotated[dict[_Word, Annotated[list[Text], Field(max_length=_MOST)]], Field(max_length=_MOST)] = {}

    @model_validator(mode="after")
    def _said(self) -> "DeclareQueueTool":
        if self.effects is None and not (self.pure or self.sinks):
            raise ValueError("say effects: true if a call changes anything outside, effects: false if it only reads")
        return self

    @property
    def security(self) -> ToolSecurity:
        """The declaration as runs pin it."""
        said = {
            name: getattr(self, name) for name in ToolSecurity.__struct_fields__ if name in self.__class__.model_fields
        }
        return ToolSecurity(**(said | {"effects": bool(self.sinks) if self.effects is None else self.effects}))


class QueueToolAnswer(Answer):
    """A tool of a queue, which is named as nodes name it, and what is declared of the tool.

    ``declared_by`` is the id of a key or a person.
    """

    queue: str
    tool: str
    security: DeclaredSecurity
    declared_by: str
    declared_at: str | None


class QueueToolPage(Answer):
    """All that the organisation declares of tools on queues, by queue and tool."""

    tools: list[QueueToolAnswer]
