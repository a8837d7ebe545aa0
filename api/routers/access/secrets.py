"""Secrets for tools: stored, rotated, allowed and removed; never read back."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.tools.secrets import StoredSecret
from schemas.api_models.base import timestamp
from schemas.api_models.operations.secrets import (
    ChangeSecret,
    PutSecret,
    SecretAnswer,
    SecretDetails,
    SecretPage,
    SecretVersionAnswer,
)
from schemas.errors import InvalidInput, Problem
from services.tools.secrets import value_fault

SecretName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Version = Annotated[int, Path(ge=1, lt=2**31)]

router = APIRouter(prefix="/api/v1/secrets", tags=["secrets"], route_class=StrictJsonRoute)


@router.get("", responses=errors(409))
async def list_secrets(who: Admin, parts: Parts) -> SecretPage:
    """List the organisation's secrets, without their values."""
    return SecretPage(secrets=[_answer(one) for one in await parts.secrets.store.all(who.org_id)])


@router.put("/{secret_name}", responses=errors(409))
async def put_secret(secret_name: SecretName, body: PutSecret, who: Admin, parts: Parts) -> SecretAnswer:
    """Store a secret, or a new version of it, which is in force within five seconds in every process."""
    if fault := value_fault(body.value.get_secret_value()):
        raise InvalidInput.of(Problem("value", "cannot be a secret", fault))
    return _answer(await parts.secrets.put(who.org_id, secret_name, body.value, body.hosts, body.tools, who.key_id))


@router.get("/{secret_name}", responses=errors(404, 409))
async def get_secret(secret_name: SecretName, who: Admin, parts: Parts) -> SecretDetails:
    """Return what is known of a secret, and its versions; the value is never shown."""
    found = await parts.secrets.store.get(who.org_id, secret_name)
    versions = await parts.secrets.store.versions(who.org_id, secret_name)
    return SecretDetails(
        **_answer(found).model_dump(),
        versions=[
            SecretVersionAnswer(version=one.version, created_by=one.created_by, created_at=timestamp(one.created_ms))
            for one in versions
        ],
    )


@router.patch("/{secret_name}", responses=errors(404, 409))
async def change_secret(secret_name: SecretName, body: ChangeSecret, who: Admin, parts: Parts) -> SecretAnswer:
    """Change what may use a secret, or put a version in force that is kept."""
    return _answer(await parts.secrets.change(who.org_id, secret_name, body.hosts, body.tools, body.version))


@router.delete("/{secret_name}", status_code=204, responses=errors(404, 409))
async def delete_secret(secret_name: SecretName, who: Admin, parts: Parts) -> None:
    """Remove a secret with all of its versions; within five seconds no process uses it."""
    await parts.secrets.store.delete(who.org_id, secret_name)


@router.delete("/{secret_name}/versions/{secret_version}", status_code=204, responses=errors(404, 409))
async def delete_secret_version(secret_name: SecretName, secret_version: Version, who: Admin, parts: Parts) -> None:
    """Remove a version that is not in force."""
    await parts.secrets.store.delete_version(who.org_id, secret_name, secret_version)


def _answer(one: StoredSecret) -> SecretAnswer:
    return SecretAnswer(
        name=one.name,
        version=one.current,
        hosts=one.hosts,
        tools=one.tools,
        created_by=one.created_by,
        created_at=timestamp(one.created_ms),
        changed_at=timestamp(one.changed_ms),
        last_used_at=timestamp(one.last_used_ms),
    )
