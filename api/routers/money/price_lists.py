"""Price lists of organisations: versions that never change, each from its time on."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.render import prices as render
from api.routers.errors import errors
from schemas.api_models.base import timestamp
from schemas.api_models.money.prices import CreatePriceList, PriceListAnswer, PriceListDryRun, PriceListPage
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem
from schemas.price_lists import PriceList, StoredPriceList
from schemas.values.fields import ASCII_INTEGER
from services.prices.changes import changes, check_rules
from services.prices.organisation import OrganisationPrices

#: How far a client's clock may be behind.
_SKEW_MS = 60_000
_DAY_MS = 86_400_000
DEFAULT_DAYS = 30

router = APIRouter(prefix="/api/v1/prices/overrides", tags=["prices"], route_class=StrictJsonRoute)


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The newest list says the same, or it was a dry run"}, **errors(413)},
)
async def create_price_list(
    body: CreatePriceList,
    who: Writer,
    parts: Parts,
    response: Response,
    dry_run: Annotated[bool, Query(description="Answer what would change; store nothing.")] = False,
    days: Annotated[int, Query(ge=1, le=90, description="Whose calls a dry run looks at.")] = DEFAULT_DAYS,
) -> PriceListAnswer | PriceListDryRun:
    """Store the next version of the organisation's price list. Every worker knows it within a second.

    A list holds for calls whose money is held from its `effective_from` on, whatever was booked before.
    """
    definitions, at_ms = parts.definitions, now_ms()
    from_ms, rules = _effective_from(body, at_ms), _rules(body)
    lists = await definitions.organisation_prices.read(who.org_id)
    after = OrganisationPrices(definitions.prices(), StoredPriceList(version=1, effective_from_ms=from_ms, rules=rules))
    check_rules(rules, after, from_ms)
    if dry_run:
        response.status_code = 200
        used = await definitions.models_used.since(who.org_id, at_ms - days * _DAY_MS)
        found = [render.price_change(one) for one in changes(used, lists.at(from_ms), after, from_ms)]
        return PriceListDryRun(effective_from=timestamp(from_ms), days=days, changes=found)
    made, new = await definitions.price_lists.create(who.org_id, rules, from_ms, who.key_id)
    definitions.publisher.wake()
    response.status_code = 201 if new else 200
    lists.add(made.stored)
    return render.price_list(made, lists.effective(now_ms()), now_ms())


@router.get("", responses=errors())
async def list_price_lists(who: Reader, parts: Parts) -> PriceListPage:
    """List the versions of the organisation's price list, the newest first."""
    at_ms = now_ms()
    lists = await parts.definitions.organisation_prices.read(who.org_id)
    effective, found = lists.effective(at_ms), await parts.definitions.price_lists.lines(who.org_id)
    return PriceListPage(effective=effective, lists=[render.price_list_line(one, effective, at_ms) for one in found])


@router.get("/{version}", responses=errors(404))
async def get_price_list(
    version: Annotated[int, Path(ge=1, le=2**31 - 1), ASCII_INTEGER], who: Reader, parts: Parts
) -> PriceListAnswer:
    """Return one version."""
    at_ms = now_ms()
    found = await parts.definitions.price_lists.get(who.org_id, version)
    lists = await parts.definitions.organisation_prices.read(who.org_id)
    return render.price_list(found, lists.effective(at_ms), at_ms)


def _rules(body: CreatePriceList) -> PriceList:
    return PriceList(prices=body.prices, priced_as=body.priced_as, cost_source=body.cost_source)


def _effective_from(body: CreatePriceList, at_ms: int) -> int:
    if body.effective_from is None:
        return at_ms
    from_ms = int(body.effective_from.timestamp() * 1000)
    if from_ms < at_ms - _SKEW_MS:
        said = "is over, and what was booked since then stays as it was booked"
        problem = Problem("effective_from", said, "give a time to come, or leave it out for now")
        raise InvalidInput.of(problem)
    return max(from_ms, at_ms)
