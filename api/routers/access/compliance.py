"""Reports of evidence for a period, which anybody verifies with the public key alone."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.dependencies import Admin, Parts
from api.routers.errors import errors
from api.routers.filters import time_ms
from schemas.clock import now_ms
from schemas.compliance.page import page_of
from schemas.compliance.statements import Period

#: A period that ends now ends so long ago: clocks of processes differ.
SKEW_MS = 2_000
#: The page runs nothing and loads nothing; its style is its own.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}
_BOTH = {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}

router = APIRouter(prefix="/api/v1/compliance", tags=["compliance"])


@router.get(
    "/report",
    responses={200: {"content": _BOTH}, **errors(409)},
    response_model=dict[str, Any],
    summary="Make a report of evidence",
)
async def make_compliance_report(
    request: Request,
    who: Admin,
    parts: Parts,
    since: Annotated[str, Query(alias="from", max_length=64, description="RFC 3339, a day, or a span back (`30d`).")],
    until: Annotated[
        str | None, Query(alias="to", max_length=64, description="The same; before it. Now without it.")
    ] = None,
    format: Annotated[  # noqa: A002 - the parameter's name
        Literal["json", "html"] | None, Query(description="As `Accept` says without it, else `json`.")
    ] = None,
) -> Response:
    """Return what the audit log shows of a period: policies, what their rules decided, erasures, readers, keys.

    Every number follows from entries that are in the report, and these are all of the log between two signed
    checkpoints. That the report was made is an entry of the log itself.
    """
    from_ms = _time("from", since)
    to_ms = now_ms() - SKEW_MS if until is None else _time("to", until)
    report = await parts.audit.reports.make(who.org_id, who.actor, Period(from_ms, to_ms))
    wants_page = format == "html" or (format is None and "text/html" in request.headers.get("accept", ""))
    if wants_page:
        return HTMLResponse(page_of(report), headers=_PAGE_HEADERS)
    return Response(orjson.dumps(report), media_type="application/json")


def _time(name: str, text: str) -> int:
    """Return a time, or the beginning of a day in UTC."""
    found = time_ms(f"query.{name}", f"{text}T00:00:00Z" if len(text) == len("2026-11-28") else text)
    assert found is not None
    return found
