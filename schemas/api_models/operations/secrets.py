"""Secrets for tools. No answer has a value."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, SecretStr

from schemas.api_models.base import Answer, Request, Text

_EXAMPLE: dict[str, JsonValue] = {"value": "sk_live_0123456789", "hosts": ["api.example.com"]}
Hosts = Annotated[list[Annotated[Text, Field(min_length=1, max_length=300)]], Field(max_length=50)]
Tools = Annotated[list[Annotated[Text, Field(min_length=1, max_length=200)]], Field(max_length=50)]


class PutSecret(Request):
    """A value, and what may use it. Without ``hosts`` or ``tools`` those of the version before stay.

    ``hosts`` are where `http.request` and MCP servers may get it in a header (``api.example.com``, ``*.example.com``,
    ``http://inside:8080``). ``tools`` are names or patterns: tools of your own that may ask for it, and with ``hosts``
    the only ones that may send it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    value: SecretStr = Field(description="Is stored sealed, never shown.")
    hosts: Hosts | None = None
    tools: Tools | None = None


class ChangeSecret(Request):
    """Fields that are left out stay. ``version`` puts one in force that is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"version": 1}]})

    hosts: Hosts | None = None
    tools: Tools | None = None
    version: int | None = Field(default=None, ge=1, lt=2**31)


class SecretVersionAnswer(Answer):
    """One version of a secret."""

    version: int
    created_by: str
    created_at: str | None


class SecretAnswer(Answer):
    """A secret, as far as it is shown. ``version`` is the one in force."""

    name: str
    version: int
    hosts: list[str]
    tools: list[str]
    created_by: str
    created_at: str | None
    changed_at: str | None
    last_used_at: str | None


class SecretDetails(SecretAnswer):
    """A secret with the versions that are kept, the newest first."""

    versions: list[SecretVersionAnswer]


class SecretPage(Answer):
    """All secrets of the organisation, by name."""

    secrets: list[SecretAnswer]
