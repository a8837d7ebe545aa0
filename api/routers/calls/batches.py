"""Calls that go to providers in batches: how they are, what they cost, and how to cancel them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import stored_text
from connectors.postgres.batch_reader import ShownBatch, ShownCall
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.batches import BatchAnswer, BatchCall, BatchCallPage, BatchCounts, BatchPage
from schemas.batches import FINAL_ITEM
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


@router.get("/{batch_id}/calls", responses=errors(404), summary="List a batch's calls")
async def list_batch_calls(
    batch_id: BatchId,
    who: Reader,
    parts: Parts,
    cursor: Annotated[str, Query(max_length=1024, description="`next_cursor` of the previous page.")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> BatchCallPage:
    """List the calls of a batch, each with its run and step."""
    after = stored_text("query.cursor", cursor) or ""
    found = await parts.batches.calls(who.org_id, batch_id, after, limit)
    more = found[-1].call_id if len(found) == limit else None
    return BatchCallPage(calls=[_call(one) for one in found], next_cursor=more)


@router.post("/{batch_id}/cancel", status_code=202, responses=errors(404))
async def cancel_batch(batch_id: BatchId, who: Writer, parts: Parts) -> BatchAnswer:
    """Cancel a batch. Calls that the provider has made by then are answered and paid for.

    The others are made at once where their nodes have `batch: auto`, and fail with `batch_expired` where they have
    `only`.
    """
    return _answer(await parts.batches.cancel(who.org_id, batch_id))


def _call(call: ShownCall) -> BatchCall:
    return BatchCall(
        call_id=call.call_id,
        run_id=call.wake.run_id,
        step_id=call.wake.step_id,
        attempt=call.wake.attempt,
        state=call.state if call.state in FINAL_ITEM else "open",
        cost_usd=usd(call.cost_nano),
        ended_at=timestamp(call.done_ms or None),
    )


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
