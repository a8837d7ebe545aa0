"""Settlements of batched calls: at the price of a batch, at nothing, or presumed. All follow from what is stored."""

from typing import NamedTuple

from msgspec import structs

from connectors.providers.base import ModelRequest
from connectors.providers.batching.port import BatchService, LineResult
from schemas.batches import BatchItem, FinalState, ItemResult, to_info
from schemas.errors import StepError, Undecodable
from schemas.records.base import Usage
from schemas.records.money import CostEvent
from services.batches.ports import Bodies
from services.calls.counts import Sizes, believed_of, cost_of
from services.calls.ports import Prices
from services.calls.stated_cost import NOTHING_BOOKED, Booked


def settlement(item: BatchItem, cost: Booked, usage: Usage, *, presumed: bool = False) -> CostEvent | None:
    """Return a call's settlement; none where nothing is held and nothing is to pay.

    No outcome of a step may ever report it, so the table of budgets reports it to the run; an outcome that does counts
    it no second time.
    """
    if not (cost.amount_nano or item.started.amount_nano):
        return None
    event = item.started.expired()
    if presumed:
        return event
    return structs.replace(
        event,
        kind="actual",
        amount_nano=cost.amount_nano,
        usage=usage,
        cost_source=cost.source,
        stated_difference_nano=cost.difference_nano,
    )


def nothing_paid(item: BatchItem) -> CostEvent:
    """Return the settlement of a call that was not sent. What is stored of it may be from before its hold."""
    return structs.replace(item.started.expired(), kind="actual", amount_nano=0)


class Ended(NamedTuple):
    """What became of a call, and its settlement."""

    item: BatchItem
    state: FinalState
    result: ItemResult
    cost: CostEvent | None


async def ended(item: BatchItem, line: LineResult, service: BatchService, prices: Prices, bodies: Bodies) -> Ended:
    """Return what a result means for its call. Raises ``Unavailable`` when a large answer cannot be stored."""
    if line.state != "answered":
        return not_answered(item, line.state, line.error)
    started, question = item.started, item.question
    request = ModelRequest(started.model, "", question.max_tokens, item.call_id)
    try:
        response = service.answer(request, {}, line.body, question.input_tokens)
    except StepError as exc:
        # The service made it and bills it; what it cost, nobody knows.
        exc.details["outcome"] = "unknown"
        return not_answered(item, "failed", exc)
    try:
        answer = await bodies.to_payload(item.org_id, line.body)
    except Undecodable as exc:
        # As for an answer that cannot be read. Raised, it would end this process, and each one that leases the batch.
        said = f"the answer is not a JSON value that a record can carry: {exc}"
        return not_answered(item, "failed", StepError("bad_output", said, details={"outcome": "unknown"}))
    route = started.provider, started.model
    sizes = Sizes(question.input_tokens, question.max_tokens, started.booked_at_ms)
    response = believed_of(prices, route, sizes, response)
    cost = cost_of(prices, route, response, started.amount_nano, started.booked_at_ms)
    result = ItemResult(
        answer=answer,
        usage=response.usage,
        served=response.served,
        notes=response.notes,
        cost_nano=cost.amount_nano,
    )
    return Ended(item, "answered", result, settlement(item, cost, response.usage))


def not_answered(item: BatchItem, state: FinalState, error: StepError | None = None) -> Ended:
    """Return what a call without an answer means: nothing is paid, unless nobody knows whether it was made."""
    if error is None:
        return Ended(item, state, ItemResult(), settlement(item, NOTHING_BOOKED, Usage()))
    presumed = error.details.get("outcome") == "unknown"
    cost = settlement(item, NOTHING_BOOKED, Usage(), presumed=presumed)
    paid = 0 if cost is None else cost.amount_nano
    return Ended(item, "failed", ItemResult(error=to_info(error), cost_nano=paid), cost)
