"""Budgets: limits, and amounts against them."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.caller import Caller
from api.dependencies import Parts, ProjectReader, ProjectWriter
from api.http.strict_json import StrictJsonRoute
from api.render import runs
from api.routers.errors import errors
from api.routers.filters import refuse_null
from api.services import Services
from connectors.postgres.money.budgets import Changes, StoredBudget, unknown_budget
from schemas import money
from schemas.api_models.definitions import (
    BudgetAnswer,
    BudgetForecast,
    BudgetPage,
    BudgetStatus,
    ChangeBudget,
    CreateBudget,
)
from schemas.budgets import Budget, dimension
from schemas.clock import now_ms
from schemas.errors import Forbidden, InvalidInput
from services.budgets.forecast import forecast, looked_at_from, slot_windows
from services.budgets.opening import bucket_ms

BudgetId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

router = APIRouter(prefix="/api/v1/budgets", tags=["budgets"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses={200: {"description": "The same budget exists"}, **errors(409, 413)})
async def create_budget(body: CreateBudget, who: ProjectWriter, parts: Parts, response: Response) -> BudgetAnswer:
    """Create a budget. It also counts spending in its window from before its creation, as far as that was recorded.

    A `target` that does not exist is 422, unless `allow_unknown` is true.
    """
    if who.project is not None and (body.scope, body.target) != ("project", who.project):
        raise Forbidden(f"this key is of project {who.project} and limits that alone: scope project, target its id")
    if not body.allow_unknown:
        await parts.money.targets.check_budget(who.org_id, body.scope, body.target)
    stored, new = await parts.money.budgets.create(_wanted(who.org_id, body))
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return runs.budget(stored)


@router.get("", responses=errors())
async def list_budgets(
    who: ProjectReader,
    parts: Parts,
    project: Annotated[
        str | None, Query(min_length=1, max_length=256, description="Only budgets of this project.")
    ] = None,
) -> BudgetPage:
    """List the organisation's budgets; a project's key sees those of its project."""
    wanted = who.in_project(project)
    found = await parts.money.budgets.all(who.org_id)
    return BudgetPage(budgets=[runs.budget(one) for one in found if wanted is None or _is_of(one.budget, wanted)])


@router.get("/{budget_id}", responses=errors(404))
async def get_budget(budget_id: BudgetId, who: ProjectReader, parts: Parts) -> BudgetAnswer:
    """Return a budget."""
    return runs.budget(await _own(parts, who, budget_id))


@router.patch("/{budget_id}", responses=errors(404, 409, 413))
async def change_budget(budget_id: BudgetId, body: ChangeBudget, who: ProjectWriter, parts: Parts) -> BudgetAnswer:
    """Change a budget's limits, policy, thresholds or name, pause or resume it. Every worker knows it within a second.

    A lower limit refuses new holds and cancels no call. What is spent in the window stays counted.
    """
    if who.limited:
        await _own(parts, who, budget_id)
    stored, changed = await parts.money.budgets.change(who.org_id, budget_id, _changes(body), body.version)
    if changed:
        parts.definitions.publisher.wake()
    return runs.budget(stored)


@router.delete("/{budget_id}", status_code=204, responses=errors(404))
async def delete_budget(budget_id: BudgetId, who: ProjectWriter, parts: Parts) -> Response:
    """Delete a budget. Calls in flight continue, and every worker knows it within a second.

    Spend is counted without a budget, too: one that is created later for the same scope includes it.
    """
    if who.limited:
        await _own(parts, who, budget_id)
    await parts.money.budgets.delete(who.org_id, budget_id)
    parts.definitions.publisher.wake()
    return Response(status_code=204)


@router.get("/{budget_id}/status", responses=errors(404))
async def budget_status(budget_id: BudgetId, who: ProjectReader, parts: Parts) -> BudgetStatus:
    """Return what is spent, held and left in the present window."""
    stored = await _own(parts, who, budget_id)
    at_ms = now_ms()
    (amounts,) = await parts.money.spend.amounts(who.org_id, [stored.budget], at_ms)
    return runs.budget_status(stored, amounts, at_ms)


@router.get("/{budget_id}/forecast", responses=errors(404))
async def budget_forecast(budget_id: BudgetId, who: ProjectReader, parts: Parts) -> BudgetForecast:
    """Return what the present window will have spent at its end, by what was spent before, with an 80% interval."""
    stored = await _own(parts, who, budget_id)
    at_ms, budget = now_ms(), stored.budget
    (amounts,) = await parts.money.spend.amounts(who.org_id, [budget], at_ms)
    slots = slot_windows(budget.windows)
    if slots is None:
        return runs.budget_forecast(budget, amounts.spent_nano, None, at_ms)
    past = await parts.money.ledger.spent(budget, looked_at_from(slots, at_ms), bucket_ms(slots))
    found = forecast(budget.windows, amounts.spent_nano, past, at_ms)
    return runs.budget_forecast(budget, amounts.spent_nano, found, at_ms)


async def _own(parts: Services, who: Caller, budget_id: str) -> StoredBudget:
    """Return a budget. Raises ``NotFound``, also for one that is not of the caller's project."""
    stored = await parts.money.budgets.get(who.org_id, budget_id)
    if who.project is not None and not _is_of(stored.budget, who.project):
        raise unknown_budget(budget_id)
    return stored


def _is_of(budget: Budget, project: str) -> bool:
    return budget.scope == "project" and budget.target == project


def _wanted(org_id: str, body: CreateBudget) -> Budget:
    unit = f"last {body.period}" if body.sliding else body.period
    return Budget(
        id="",
        org_id=org_id,
        name=body.name or f"{dimension(body.scope, body.target)} per {unit}",
        scope=body.scope,
        target=body.target,
        period=body.period,
        limit_nano=_limit_nano(body),
        timezone=body.timezone,
        week_start=body.week_start,
        sliding=body.sliding,
        on_exceeded=body.on_exceeded,
        soft_limit_nano=_soft_limit_nano(body),
        thresholds=tuple(body.thresholds),
    )


def _changes(body: ChangeBudget) -> Changes:
    soft = {"soft_limit_cents", "soft_limit_usd"} & body.model_fields_set
    refuse_null(body, soft)
    changes: Changes = {}
    if body.name is not None:
        changes["name"] = body.name
    if body.paused is not None:
        changes["paused"] = body.paused
    if body.limit_cents is not None or body.limit_usd is not None:
        changes["limit_nano"] = _limit_nano(body)
    if soft:
        changes["soft_limit_nano"] = _soft_limit_nano(body)
    if body.on_exceeded is not None:
        changes["on_exceeded"] = body.on_exceeded
    if body.thresholds is not None:
        changes["thresholds"] = tuple(body.thresholds)
    return changes


def _limit_nano(body: CreateBudget | ChangeBudget) -> int:
    limit = _nano(body.limit_cents, body.limit_usd)
    if limit is None:
        raise InvalidInput("a budget needs limit_usd or limit_cents")
    return limit


def _soft_limit_nano(body: CreateBudget | ChangeBudget) -> int | None:
    return _nano(body.soft_limit_cents, body.soft_limit_usd)


def _nano(cents: Decimal | None, usd: Decimal | None) -> int | None:
    if cents is not None:
        return money.from_cents(cents, money.MAX_LIMIT_NANO)
    return None if usd is None else money.from_usd(usd, money.MAX_LIMIT_NANO)
