"""API keys, organisations and the state of the API itself."""

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request, Text

Permission = Literal["read", "write", "admin"]
ALL_PERMISSIONS: tuple[Permission, ...] = ("read", "write", "admin")


class CreateKey(Request):
    """A new key of the caller's organisation. ``admin`` may manage keys, ``write`` submit, ``read`` query."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"name": "ci", "permissions": ["read", "write"]}]},
    )

    name: Text = Field(min_length=1, max_length=200)
    permissions: list[Permission] = Field(default=["read", "write"], min_length=1, max_length=3)


class KeyAnswer(Answer):
    """A key without its secret; ``last4`` are its last characters."""

    id: str
    name: str
    organisation: str
    permissions: list[Permission]
    last4: str
    created_at: str | None


class KeyCreated(KeyAnswer):
    """A new key. ``key`` is shown in this answer only and never stored."""

    key: str


class KeyPage(Answer):
    """All keys of the organisation that are not revoked."""

    keys: list[KeyAnswer]


class CreateOrganisation(Request):
    """A new organisation. ``id`` names its submissions topic, so letters, digits, ``-`` and ``_`` only."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    name: Text = Field(default="", max_length=200)


class OrganisationCreated(Answer):
    """The organisation, its topic for submissions as records, and its first key."""

    id: str
    name: str
    submissions_topic: str
    key: KeyCreated


class DependencyState(Answer):
    """One dependency: its state, and how long the check took."""

    status: Literal["ok", "error"]
    ms: float
    error: str | None = None


class Readiness(Answer):
    """The API's readiness. ``degraded``: an optional dependency does not answer."""

    status: Literal["ready", "degraded", "not ready"]
    dependencies: dict[str, DependencyState]


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"] = "ok"
