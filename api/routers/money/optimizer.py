"""The optimizer: what calls could cost less, and the versions of workflows that make it so."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.money.optimizer_changes import AppliedChange
from schemas import money
from schemas.api_models.base import timestamp
from schemas.api_models.money.optimizer import (
    AppliedPage,
    AppliedSuggestion,
    SuggestionAnswer,
    SuggestionEvidence,
    SuggestionPage,
    SuggestionSaving,
)
from schemas.spec.model import NAME_PATTERN
from services.optimizer.suggestion import Suggestion

SuggestionId = Annotated[str, Path(pattern=r"^[a-z]{1,16}-[0-9a-f]{16}$")]
Days = Annotated[int, Query(ge=1, le=30, description="How many days back calls are looked at.")]
DEFAULT_DAYS = 7

router = APIRouter(prefix="/api/v1/optimizer", tags=["optimizer"], route_class=StrictJsonRoute)


@router.get("/suggestions", responses=errors(), summary="List savings")
async def list_suggestions(
    who: Reader,
    parts: Parts,
    days: Days = DEFAULT_DAYS,
    workflow: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this workflow.")] = None,
) -> SuggestionPage:
    """List changes of workflows that would have made their calls cheaper, or hold less of budgets.

    Only answered calls of nodes that are the same in the newest version count, the newest 2,000 of each node and
    model, and at least 100 of them.
    """
    found = await parts.optimizer.suggestions(who.org_id, days, workflow or "")
    return SuggestionPage(suggestions=[_answer(one) for one in found])


@router.get("/changes", responses=errors(), summary="List applied suggestions")
async def list_changes(who: Reader, parts: Parts) -> AppliedPage:
    """List the suggestions that were applied, the newest first."""
    return AppliedPage(changes=[_applied(one) for one in await parts.optimizer.applied(who.org_id)])


@router.post(
    "/suggestions/{suggestion_id}/apply", status_code=201, responses=errors(404, 409), summary="Apply a suggestion"
)
async def apply_suggestion(
    suggestion_id: SuggestionId, who: Writer, parts: Parts, days: Days = DEFAULT_DAYS
) -> AppliedSuggestion:
    """Store a new version of the workflow with the suggested change. Running runs continue with theirs."""
    done = await parts.optimizer.apply(who.org_id, suggestion_id, days)
    parts.definitions.publisher.wake()
    return _applied(done)


@router.post("/suggestions/{suggestion_id}/undo", responses=errors(404, 409), summary="Undo a suggestion")
async def undo_suggestion(suggestion_id: SuggestionId, who: Writer, parts: Parts) -> AppliedSuggestion:
    """Store the workflow as it was before the change, as a new version. A newer version of others is a conflict."""
    done = await parts.optimizer.undo(who.org_id, suggestion_id)
    parts.definitions.publisher.wake()
    return _applied(done)


def _answer(one: Suggestion) -> SuggestionAnswer:
    saved, seen = one.saving, one.evidence
    return SuggestionAnswer(
        id=one.id,
        kind=one.kind,
        **one.place._asdict(),
        title=one.title,
        change=one.change,
        saving=SuggestionSaving(
            amount_usd=money.usd(saved.amount_nano),
            low_usd=money.usd(saved.low_nano),
            high_usd=money.usd(saved.high_nano),
        ),
        cost_usd=money.usd(one.cost_nano),
        freed_usd=money.usd(one.freed_nano),
        risk=one.risk,
        because=one.because,
        evidence=SuggestionEvidence(
            calls=seen.calls,
            runs=seen.runs,
            since=timestamp(seen.from_ms),
            until=timestamp(seen.to_ms),
            facts=seen.facts,
        ),
    )


def _applied(one: AppliedChange) -> AppliedSuggestion:
    return AppliedSuggestion(
        suggestion_id=one.suggestion_id,
        kind=one.kind,
        workflow=one.workflow,
        node_id=one.node_id,
        change=one.change,
        from_version=one.from_version,
        to_version=one.to_version,
        undone_version=one.undone_version,
        applied_at=timestamp(one.applied_ms),
        undone_at=timestamp(one.undone_ms),
    )
