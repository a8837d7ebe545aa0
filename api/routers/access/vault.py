"""The vault of an organisation: the state of its keys, and their rotation."""

from fastapi import APIRouter

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.services import Services
from schemas.api_models.base import timestamp
from schemas.api_models.security.vault import RotateVaultKey, VaultKeyVersion, VaultProgress, VaultStatus
from schemas.errors import Conflict
from services.privacy.vault.opening import OpenVault

router = APIRouter(prefix="/api/v1/vault", tags=["vault"], route_class=StrictJsonRoute)


@router.get("", responses=errors(409), summary="Read the state of the vault's keys")
async def get_vault(who: Admin, parts: Parts) -> VaultStatus:
    """Return the versions of the organisation's key, and how many subjects, erased ones and tokens there are."""
    found = await _vault(parts).rotation.status(who.org_id)
    versions = [
        VaultKeyVersion(
            version=row.version, master=row.wrapped.under, seals=row.active, created_at=timestamp(row.created_ms)
        )
        for row in found.versions
    ]
    return VaultStatus(
        state=found.state,
        version=found.version,
        versions=versions,
        master=found.master,
        behind=found.behind,
        subjects=found.counts.subjects,
        erased=found.counts.erased,
        tokens=found.counts.tokens,
        left=found.left,
    )


@router.post("/rotate", responses=errors(409, 413), summary="Rotate a key of the vault")
async def rotate_vault_key(body: RotateVaultKey, who: Admin, parts: Parts) -> VaultProgress:
    """Begin a rotation, or continue one, for about a second; repeat it while the state is `settling` or `wrapping`.

    No data is touched, and what was sealed stays readable. A rotation that was cut off is continued by a repeat.
    """
    rotation = _vault(parts).rotation
    if body.key == "master":
        wrapped = await rotation.rewrap(who.org_id)
        status = await rotation.status(who.org_id)
        return VaultProgress(state=status.state, version=status.version, left=status.left, wrapped=wrapped)
    done = await (rotation.begin(who.org_id) if body.begin else rotation.advance(who.org_id))
    return VaultProgress(state=done.state, version=done.version, left=done.left, damaged=done.damaged)


def _vault(parts: Services) -> OpenVault:
    if parts.vault is None:
        raise Conflict("there is no vault here: set VAULT_KEY for the API and all roles, and restart")
    return parts.vault
