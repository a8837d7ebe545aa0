"""Keys, organisations and projects as the API shows them."""

from typing import Any

from api.caller import Caller
from connectors.postgres.keys import StoredKey
from connectors.postgres.organisations import Organisation, Project
from schemas.api_models.access import (
    KeyAnswer,
    OrganisationAnswer,
    ProjectAnswer,
    WhoAmI,
    in_order,
)
from schemas.api_models.base import timestamp
from topics.catalogue import submissions_topic


def key(stored: StoredKey) -> KeyAnswer:
    """Return a key without its secret."""
    return KeyAnswer(**key_fields(stored))


def key_fields(stored: StoredKey) -> dict[str, Any]:
    """Return the fields of ``KeyAnswer``."""
    return {
        "id": stored.id,
        "name": stored.name,
        "organisation": stored.org_id,
        "permissions": stored.permissions,
        "last4": stored.last4,
        "created_at": timestamp(stored.created_ms),
        "project": stored.project,
        "scopes": stored.scopes,
        "expires_at": timestamp(stored.expires_ms),
        "requests_per_minute": stored.requests_per_minute,
        "last_used_at": timestamp(stored.last_used_ms),
        "rotated_at": timestamp(stored.rotated_ms),
        "old_secret_until": timestamp(stored.before_until_ms),
    }


def who(caller: Caller) -> WhoAmI:
    """Return what a caller is."""
    return WhoAmI(
        kind=caller.kind,
        key_id=caller.key_id,
        organisation=caller.org_id,
        project=caller.project,
        permissions=in_order(caller.permissions),
        scopes=list(caller.scopes.texts),
        platform=caller.bootstrap,
        expires_at=timestamp(caller.valid_until_ms),
        requests_per_minute=caller.requests_per_minute,
    )


def organisation(stored: Organisation) -> OrganisationAnswer:
    """Return an organisation."""
    return OrganisationAnswer(
        id=stored.id,
        name=stored.name,
        submissions_topic=submissions_topic(stored.id),
        created_at=timestamp(stored.created_ms),
        jinja_prompts=stored.jinja_prompts,
    )


def project(stored: Project) -> ProjectAnswer:
    """Return a project."""
    return ProjectAnswer(
        id=stored.id,
        name=stored.name,
        archived=stored.archived_ms is not None,
        created_at=timestamp(stored.created_ms),
        archived_at=timestamp(stored.archived_ms),
    )
