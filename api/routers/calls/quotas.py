"""How much of providers an organisation may use."""

from fastapi import APIRouter

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.money.quotas import StoredQuotas
from schemas.api_models.base import timestamp
from schemas.api_models.quotas import PutQuotas, QuotasAnswer

router = APIRouter(prefix="/api/v1/quotas", tags=["quotas"], route_class=StrictJsonRoute)


@router.get("", responses=errors(), response_model_exclude_none=True)
async def get_quotas(who: Reader, parts: Parts) -> QuotasAnswer:
    """Return the organisation's own quotas; those of the platform are not among them."""
    return _answer(await parts.quotas.get(who.org_id))


@router.put("", responses=errors(413), response_model_exclude_none=True)
async def put_quotas(body: PutQuotas, who: Writer, parts: Parts) -> QuotasAnswer:
    """Replace all quotas of the organisation. Calls that wait for them are asked again as before.

    A provider or model that does not exist is 422, unless `allow_unknown` is true.
    """
    if not body.allow_unknown:
        await parts.money.targets.check_quotas(who.org_id, body.limits)
    stored = await parts.quotas.put(who.org_id, body.limits)
    parts.definitions.publisher.wake()
    return _answer(stored)


def _answer(stored: StoredQuotas) -> QuotasAnswer:
    return QuotasAnswer(limits=list(stored.limits), updated_at=timestamp(stored.updated_ms))
