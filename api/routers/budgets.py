"""Budgets: limits, and amounts against them."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.render import runs
from api.routers.errors import errors
from schemas import money
from schemas.api_models.definitions import BudgetAnswer, BudgetPage, BudgetStatus, CreateBudget
from schemas.budgets import dimension
from schemas.clock import now_ms
from schemas.errors import InvalidInput

BudgetId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/budgets", tags=["budgets"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses={200: {"description": "The same budget exists"}, **errors(409, 413)})
async def create_budget(body: CreateBudget, who: Writer, parts: Parts, response: Response) -> BudgetAnswer:
    """Create a budget. It also counts spending in its window from before its creation.

    A `target` that does not exist is 422, unless `allow_unknown` is true.
    """
    if not body.allow_unknown:
        await parts.money.targets.check_budget(who.org_id, body.scope, body.target)
    name = body.name or f"{dimension(body.scope, body.target)} per {body.period}"
    stored, new = await parts.money.budgets.create(
        who.org_id, name, body.scope, body.target, body.period, _limit_nano(body)
    )
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return runs.budget(stored)


@router.get("", responses=errors())
async def list_budgets(who: Reader, parts: Parts) -> BudgetPage:
    """List the organisation's budgets."""
    return BudgetPage(budgets=[runs.budget(stored) for stored in await parts.money.budgets.all(who.org_id)])


@router.get("/{budget_id}", responses=errors(404))
async def get_budget(budget_id: BudgetId, who: Reader, parts: Parts) -> BudgetAnswer:
    """Return a budget."""
    return runs.budget(await parts.money.budgets.get(who.org_id, budget_id))


@router.get("/{budget_id}/status", responses=errors(404))
async def budget_status(budget_id: BudgetId, who: Reader, parts: Parts) -> BudgetStatus:
    """Return what is spent, held and left in the present window."""
    stored = await parts.money.budgets.get(who.org_id, budget_id)
    at_ms = now_ms()
    (amounts,) = await parts.money.spend.amounts(who.org_id, [stored.budget.field(at_ms)])
    return runs.budget_status(stored, amounts, at_ms)


def _limit_nano(body: CreateBudget) -> int:
    if body.limit_cents is not None:
        return money.from_cents(body.limit_cents)
    if body.limit_usd is None:
        raise InvalidInput("a budget needs limit_usd or limit_cents")
    return money.from_usd(body.limit_usd)
