"""Keys of model providers, which organisations bring along."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.services import Services
from connectors.postgres.vault import Credential, Vault
from connectors.providers.custom.registry import CUSTOM
from connectors.providers.names import DEFAULT_PROVIDER, PROVIDER_NAMES
from schemas.api_models.base import timestamp
from schemas.api_models.providers import CredentialsAnswer, CredentialsPage, PutCredentials
from schemas.errors import Conflict, InvalidInput, Problem
from schemas.spec.check.shape import similar

ProviderName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/providers", tags=["providers"], route_class=StrictJsonRoute)


@router.get("/credentials", responses=errors(409))
async def list_credentials(who: Admin, parts: Parts) -> CredentialsPage:
    """List the organisation's keys of providers, without the keys themselves."""
    return CredentialsPage(credentials=[_answer(one) for one in await _vault(parts).all(who.org_id)])


@router.put("/{name}/credentials", responses=errors(409))
async def put_credentials(name: ProviderName, body: PutCredentials, who: Admin, parts: Parts) -> CredentialsAnswer:
    """Store the organisation's key of a provider, in place of the one before.

    Within five seconds every process uses it; keep the one before valid for so long.
    """
    known = (PROVIDER_NAMES | CUSTOM.names()) - {DEFAULT_PROVIDER}
    if name not in known:
        problem = Problem("name", f"there is no provider '{name}' that takes a key", similar(name, known))
        raise InvalidInput.of(problem)
    return _answer(await _vault(parts).put(who.org_id, name, body.api_key))


@router.get("/{name}/credentials", responses=errors(404, 409))
async def get_credentials(name: ProviderName, who: Admin, parts: Parts) -> CredentialsAnswer:
    """Return what is known of the organisation's key of a provider; the key is never shown."""
    return _answer(await _vault(parts).get(who.org_id, name))


@router.delete("/{name}/credentials", status_code=204, responses=errors(404, 409))
async def delete_credentials(name: ProviderName, who: Admin, parts: Parts) -> Response:
    """Remove the organisation's key of a provider; within five seconds no process uses it."""
    await _vault(parts).delete(who.org_id, name)
    return Response(status_code=204)


def _vault(parts: Services) -> Vault:
    if parts.access.vault is None:
        raise Conflict(
            "keys of providers cannot be stored here: set VAULT_KEY for the API and all workers, and restart"
        )
    return parts.access.vault


def _answer(stored: Credential) -> CredentialsAnswer:
    return CredentialsAnswer(
        provider=stored.provider,
        fingerprint=stored.fingerprint,
        created_at=timestamp(stored.created_ms),
        rotated_at=timestamp(stored.rotated_ms),
        last_used_at=timestamp(stored.last_used_ms),
    )
