"""API keys, organisations, projects and the state of the API itself."""

from collections.abc import Container
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field
from pydantic_core import PydanticCustomError

from schemas.api_models.base import Answer, Request, Text
from schemas.scopes import MAX_SCOPES, SCOPE_PATTERN

Permission = Literal["read", "write", "admin"]
ALL_PERMISSIONS: tuple[Permission, ...] = ("read", "write", "admin")
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
"""Of organisations, projects and keys."""
RESERVED_ID = "dlq"
"""No organisation's id: its submissions topic would have the name of dead letters."""
MAX_OVERLAP_S = 30 * 86_400


def _not_reserved(org_id: str) -> str:
    if org_id == RESERVED_ID:
        raise PydanticCustomError("reserved", f"'{RESERVED_ID}' is reserved for dead letters; choose another id")
    return org_id


def in_order(permissions: Container[str]) -> list[Permission]:
    """Return permissions in the order in which they are stored and shown, each once."""
    return [one for one in ALL_PERMISSIONS if one in permissions]


OrganisationId = Annotated[str, Field(pattern=ID_PATTERN), AfterValidator(_not_reserved)]
Permissions = Annotated[list[Permission], Field(min_length=1, max_length=3)]
ScopeTexts = Annotated[list[Annotated[str, Field(pattern=SCOPE_PATTERN)]], Field(max_length=MAX_SCOPES)]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]


class CreateKey(Request):
    """A new key of the caller's organisation. ``admin`` may manage keys, ``write`` submit, ``read`` query.

    ``scopes`` limit it to workflows, prompts (``workflow:billing_*``, ``prompt:greeter``) and the ``gateway``; without
    scopes it may do all that its permissions allow. A key of a ``project`` sees and submits that project's runs.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "ci",
                    "permissions": ["read", "write"],
                    "scopes": ["workflow:document_*"],
                    "expires_at": "2027-11-22T00:00:00Z",
                    "requests_per_minute": 600,
                }
            ]
        },
    )

    name: Name
    permissions: Permissions = ["read", "write"]
    project: str | None = Field(default=None, pattern=ID_PATTERN)
    scopes: ScopeTexts = []
    expires_at: AwareDatetime | None = None
    requests_per_minute: PerMinute | None = None


class ChangeKey(Request):
    """Changes of a key; an omitted field stays. ``null`` removes the expiry or the rate limit."""

    name: Name | None = None
    permissions: Permissions | None = None
    scopes: ScopeTexts | None = None
    expires_at: AwareDatetime | None = None
    requests_per_minute: PerMinute | None = None


class RotateKey(Request):
    """For how many seconds the secret before the new one still works; 0 ends it within five seconds."""

    overlap_s: int = Field(default=0, ge=0, le=MAX_OVERLAP_S, strict=True)


class KeyAnswer(Answer):
    """A key without its secret; ``last4`` are its last characters.

    ``last_used_at`` is exact to a minute. After a rotation the secret before works until ``old_secret_until``.
    """

    id: str
    name: str
    organisation: str
    permissions: list[Permission]
    last4: str
    created_at: str | None
    project: str | None = None
    scopes: list[str] = []
    expires_at: str | None = None
    requests_per_minute: int | None = None
    last_used_at: str | None = None
    rotated_at: str | None = None
    old_secret_until: str | None = None


class KeyCreated(KeyAnswer):
    """A new key, or a new secret of one. ``key`` is shown in this answer only and never stored."""

    key: str


class KeyPage(Answer):
    """All keys of the organisation that are not revoked."""

    keys: list[KeyAnswer]


class WhoAmI(Answer):
    """The caller: an API key (``kind`` is ``key``), or a token of the OIDC issuer (``oidc``).

    ``platform`` keys may manage organisations.
    """

    kind: Literal["key", "oidc"]
    key_id: str
    organisation: str
    project: str | None = None
    permissions: list[Permission]
    scopes: list[str] = []
    platform: bool = False
    expires_at: str | None = None
    requests_per_minute: int | None = None


class CreateOrganisation(Request):
    """A new organisation. ``id`` names its submissions topic, so letters, digits, ``-`` and ``_`` only."""

    id: OrganisationId
    name: Text = Field(default="", max_length=200)


class ChangeOrganisation(Request):
    """Changes of an organisation. With ``jinja_prompts`` its prompts may be written in sandboxed Jinja."""

    name: Text | None = Field(default=None, max_length=200)
    jinja_prompts: bool | None = Field(default=None, strict=True)


class OrganisationAnswer(Answer):
    """An organisation, with its topic for submissions as records."""

    id: str
    name: str
    submissions_topic: str
    created_at: str | None = None
    jinja_prompts: bool = False


class OrganisationCreated(OrganisationAnswer):
    """A new organisation with its first key."""

    key: KeyCreated


class OrganisationPage(Answer):
    """All organisations."""

    organisations: list[OrganisationAnswer]


class CreateProject(Request):
    """A new project of the caller's organisation. Submissions and budgets name it by its ``id``."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"id": "search", "name": "Search team"}]},
    )

    id: str = Field(pattern=ID_PATTERN)
    name: Text = Field(default="", max_length=200)


class ChangeProject(Request):
    """Changes of a project. Keys of an archived project can only read."""

    name: Text | None = Field(default=None, max_length=200)
    archived: bool | None = Field(default=None, strict=True)


class ProjectAnswer(Answer):
    """A project."""

    id: str
    name: str
    archived: bool
    created_at: str | None
    archived_at: str | None = None


class ProjectPage(Answer):
    """The organisation's projects."""

    projects: list[ProjectAnswer]


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
