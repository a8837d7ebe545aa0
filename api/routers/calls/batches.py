"""Calls that go to providers in batches: how they are, what they cost, and how to cancel them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.batch_reader import ShownBatch
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.batches import BatchAnswer, BatchCounts, BatchPage
from schemas.money import usd

BatchId = Annotated[str, Path(pattern=r"^batch_[0-9a-f]{24}$")]

router = APIRouter(prefix="/api/v1/batches", tags=["batches"], route_class=StrictJsonRoute)


@router.get("", responses=errors())
async def list_batches(who: Reader, parts: Parts, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100) -> BatchPage:
    """List the organisation's batches, those that ended in the last 14 days among them."""
    return BatchPage(batches=[_answer(one) for one in await parts.batches.listed(who.org_id, limit)])


@router.get("/{batch_id}", responses=errors(404))
async def get_batch(batch_id: BatchId, who: Reader, parts: Parts) -> BatchAnswer:
    """Return one batch."""
    return _answer(await parts.batches.get(who.org_id, batch_id))


@router.post("/{batch_id}/cancel", status_code=202, responses=errors(404))
async def cancel_batch(batch_id: BatchId, who: Writer, parts: Parts) -> BatchAnswer:
    """Cancel a batch. Calls that the provider has made by then are answered and paid for.

    The others are made at once where their nodes have `batch: auto`, and fail with `batch_expired` where they have
    `only`.
    """
    return _answer(await parts.batches.cancel(who.org_id, batch_id))


def _answer(batch: ShownBatch) -> BatchAnswer:
    ended = {state: calls for state, calls in batch.counts.items() if state in BatchCounts.model_fields}
    return BatchAnswer(
        id=batch.id,
        provider=batch.provider,
        model=batch.model,
        state=batch.state,
        requests=batch.requests,
        counts=BatchCounts(open=batch.counts.get("batched", 0), **ended),
        cost_usd=usd(batch.cost_nano),
        cancel_requested=batch.cancel,
        formed_at=timestamp(batch.formed_ms),
        submitted_at=timestamp(batch.submitted_ms or None),
        ended_at=timestamp(batch.ended_ms or None),
        provider_id=batch.provider_id or None,
        problem=batch.problem or None,
    )
