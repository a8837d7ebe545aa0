"""Retention of the audit log: what is over loses its bytes, and legal holds keep it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import time_ms
from connectors.postgres.audit.holds import StoredHold
from schemas.api_models.base import timestamp
from schemas.api_models.security.audit import AuditExpired, AuditHold, AuditHolds, ExpireAudit, HoldAudit
from schemas.audit.verifying import EXPIRED
from services.security.auditing import Act

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], route_class=StrictJsonRoute)


@router.post("/expire", status_code=202, responses=errors(), summary="Remove old entries")
async def expire_audit(body: ExpireAudit, who: Admin, parts: Parts) -> AuditExpired:
    """Remove what older entries of a kind say. Their hashes stay, so every proof and export still verifies."""
    details = {"kind": body.kind, "before_ms": str(time_ms("before", body.before))}
    act = Act(who.org_id, who.actor, EXPIRED, body.kind, details)
    return AuditExpired(event_id=await parts.audit.auditing.act(act))


@router.post("/holds", status_code=201, responses=errors(409), summary="Create a legal hold")
async def create_audit_hold(body: HoldAudit, who: Admin, parts: Parts) -> AuditHold:
    """Hold entries: retention removes nothing that matches."""
    hold = StoredHold(
        name=body.name,
        reason=body.reason,
        kind=body.kind,
        actor=body.actor,
        run_id=body.run_id,
        from_ms=time_ms("since", body.since),
        until_ms=time_ms("until", body.until),
        created_by=who.key_id,
    )
    return _answer(await parts.audit.holds.create(who.org_id, hold))


@router.get("/holds", responses=errors(), summary="List legal holds")
async def list_audit_holds(who: Admin, parts: Parts) -> AuditHolds:
    """List the legal holds in force."""
    return AuditHolds(holds=[_answer(one) for one in await parts.audit.holds.all(who.org_id)])


@router.delete("/holds/{name}", status_code=204, responses=errors(404), summary="Remove a legal hold")
async def remove_audit_hold(
    name: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")], who: Admin, parts: Parts
) -> Response:
    """Remove a legal hold. Nothing is removed by that alone."""
    await parts.audit.holds.remove(who.org_id, name)
    return Response(status_code=204)


def _answer(stored: StoredHold) -> AuditHold:
    return AuditHold(
        name=stored.name,
        reason=stored.reason,
        kind=stored.kind,
        actor=stored.actor,
        run_id=stored.run_id,
        since=timestamp(stored.from_ms),
        until=timestamp(stored.until_ms),
        created_by=stored.created_by,
        created_at=timestamp(stored.created_ms),
    )
