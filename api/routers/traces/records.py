"""The records of a run, from which a client replays it."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Parts, RunId, RunReader
from api.http.strict_json import StrictJsonRoute
from api.reading import require_readable
from api.routers.errors import errors
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.traces.records import RunRecordAnswer, RunRecordPage
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)


@router.get("/{run_id}/records", responses=errors(404), summary="Read the records of a run")
async def list_records(
    run_id: RunId,
    who: RunReader,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = MAX_PAGE,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the previous page.")] = None,
) -> RunRecordPage:
    """List everything that happened to a run, in the order of the log: its submission, results, timers and signals.

    They are kept for 30 days. A page may have fewer records than its limit, or none; read on while it has a cursor.
    """
    await require_readable(parts, who, [run_id], "records")
    page = await parts.runs.records.page(who.org_id, run_id, cursor, limit)
    records = [RunRecordAnswer(offset=one.offset, at_ms=one.at_ms, record=one.text) for one in page.records]
    return RunRecordPage(run_id=run_id, partition=page.partition, records=records, next_cursor=page.next_cursor)
