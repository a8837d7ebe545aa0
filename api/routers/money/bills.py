"""Bills: what calls cost by any dimension, as JSON, CSV or FOCUS, and compared with a provider's own account."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api.dependencies import Parts, Reader
from api.http.bodies import refuse_encoded
from api.render import bills as render
from api.routers.errors import errors
from api.routers.filters import time_ms
from api.routers.money.prices import models_of
from connectors.clickhouse.bill_rows import Period
from schemas.api_models.money.bills import BillAnswer, Reconciled
from schemas.clock import now_ms
from services.billing.exports import Format, read_export

_CSV = "text/csv; charset=utf-8"
_UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "The provider's export as it is.",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
    }
}

router = APIRouter(prefix="/api/v1/bills", tags=["bills"])


@router.get(
    "",
    response_model=BillAnswer,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **errors(413)},
    summary="Read a bill",
)
async def get_bill(
    who: Reader,
    parts: Parts,
    since: Annotated[str, Query(alias="from", description="RFC 3339, a day such as 2026-11-01, or a span (`30d`).")],
    until: Annotated[str | None, Query(alias="to", description="The same; before it. Now without it.")] = None,
    group_by: Annotated[
        str, Query(description="Names, separated by commas: `provider,model,day,workflow,project,tag.team`.")
    ] = "",
    format: Annotated[Literal["json", "csv", "focus"], Query(description="`focus` is FOCUS 1.2, as CSV.")] = "json",  # noqa: A002 - the parameter's name
) -> BillAnswer | Response:
    """Return what calls cost, exactly: the groups add up to the total, and that is the ledger's.

    Calls count at the time at which their money was held, at their actual cost or, until that comes, at the estimate.
    """
    period = Period(_time("from", since), now_ms() if until is None else _time("to", until))
    names = [name.strip() for name in group_by.split(",") if name.strip()]
    bills = parts.money.bills
    if format == "json":
        return render.bill(period, await bills.bill(who.org_id, period, names))
    table = bills.csv if format == "csv" else bills.focus
    return await _streamed(table(who.org_id, period, names), f"bill-{format}.csv")


@router.post("/reconcile", responses=errors(413, 415), openapi_extra=_UPLOAD, summary="Compare a provider's account")
async def reconcile(
    request: Request,
    who: Reader,
    parts: Parts,
    provider: Annotated[str, Query(min_length=1, max_length=256, description="Whose account it is.")],
    format: Annotated[Format | None, Query(description="Of the export; found out without it.")] = None,  # noqa: A002 - the parameter's name
) -> Reconciled:
    """Compare a provider's charges with what was booked, by day and model; nothing is stored.

    The export is CSV with a date, an amount and a model, or the JSON of OpenAI's costs or Anthropic's cost report.
    """
    refuse_encoded(request)
    prices = await parts.definitions.organisation_prices.of(who.org_id, now_ms())
    models_of(parts.definitions.models.under(prices), provider)
    charges = read_export(await request.body(), format)
    found = await parts.money.bills.reconciled(who.org_id, provider, charges)
    return render.reconciled(provider, len(charges), found)


def _time(name: str, text: str) -> int:
    """Return a time, or the beginning of a day in UTC."""
    if len(text) == len("2026-11-28"):
        text = f"{text}T00:00:00Z"
    found = time_ms(name, text)
    assert found is not None
    return found


async def _streamed(pieces: AsyncGenerator[bytes], name: str) -> Response:
    """Return a table as it is read. What keeps it from being read at all is raised here, before the answer begins."""
    first = await anext(pieces)

    async def body() -> AsyncIterator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(body(), media_type=_CSV, headers=headers)
