"""What cells say to each other. It is served where `CELL_TOKEN` is set, to senders of that token alone.

No key of an organisation is admitted: a message may concern any organisation that comes here.
"""

import hmac
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.auth import bearer_key
from api.dependencies import Parts, RunId
from api.services import CellServices
from connectors.http.cell_client import BASE
from connectors.postgres.history.run_places import RunPlace
from schemas.api_models.access import ID_PATTERN
from schemas.configuration.cells import NAME_PATTERN
from schemas.errors import InvalidInput, Unauthenticated
from services.observability.replay.run_records import MAX_RECORDS

router = APIRouter(prefix=BASE, include_in_schema=False)


async def cell(request: Request, parts: Parts) -> CellServices:
    """Return this cell's services to another cell. Raises ``Unauthenticated``."""
    found, sent = parts.cells, bearer_key(request.headers.get("authorization", ""))
    if found is None or not found.token or sent is None:
        raise Unauthenticated("send the token of this cell: Authorization: Bearer <CELL_TOKEN>")
    if not hmac.compare_digest(found.token.encode(), sent.encode()):
        raise Unauthenticated("this is not the token of this cell; compare CELL_TOKEN here with CELLS_FILE there")
    return found


Cell = Annotated[CellServices, Depends(cell)]
MoveId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Org = Annotated[str, Query(pattern=ID_PATTERN)]
From = Annotated[str, Query(alias="from", pattern=f"^{NAME_PATTERN}$")]
Attempt = Annotated[int, Query(ge=1)]
_ARRIVAL = "/arrivals/{move_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPage:
    """Which page of a run's records another cell asks for, and where the run is by its history, which has moved."""

    org: Org
    submitted_ms: Annotated[int, Query(ge=0)]
    status: Annotated[str, Query(pattern=r"^[a-z]{1,20}$")]
    version: Annotated[int, Query(ge=0)]
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = MAX_RECORDS
    cursor: Annotated[str | None, Query(max_length=64)] = None


def part_of_copy(kind: str, name: str) -> tuple[str, str]:
    """Return a part's kind and its name of that kind."""
    return kind, name


Named = Annotated[tuple[str, str], Depends(part_of_copy)]


@router.get("/self")
async def facts(here: Cell) -> Response:
    """Say what both cells must have in common."""
    return _json(await here.facts())


@router.get(_ARRIVAL)
async def state(move_id: MoveId, org: Org, here: Cell) -> Response:
    """Say how an arrival stands."""
    return _json(await here.arriving.state(move_id, org))


@router.post(f"{_ARRIVAL}/announce")
async def announce(move_id: MoveId, org: Org, origin: From, here: Cell) -> Response:
    """Expect an organisation."""
    return _json({"state": (await here.arriving.announce(move_id, org, origin)).state})


@router.post(f"{_ARRIVAL}/begin")
async def begin(move_id: MoveId, org: Org, attempt: Attempt, here: Cell) -> Response:
    """Begin a copy."""
    return _json({"state": (await here.arriving.begin(move_id, org, attempt)).state})


@router.put(f"{_ARRIVAL}/parts/{{kind}}/{{name}}")
async def part(request: Request, move_id: MoveId, named: Named, org: Org, attempt: Attempt, here: Cell) -> Response:
    """Take in a part of a copy."""
    await here.arriving.part(move_id, org, attempt, *named, await request.body())
    return _json({})


@router.post(f"{_ARRIVAL}/digests")
async def digests(request: Request, move_id: MoveId, org: Org, attempt: Attempt, here: Cell) -> Response:
    """Say what arrived."""
    asked = orjson.loads(await request.body())
    if not isinstance(asked, dict) or asked.keys() != {"money", "objects", "money_parts"}:
        raise InvalidInput("send what is compared: money, objects and money_parts")
    return _json({"digests": await here.arriving.digests(move_id, org, attempt, asked)})


@router.get("/records/{run_id}")
async def records(run_id: RunId, asked: Annotated[AskedPage, Depends()], here: Cell) -> Response:
    """Give records of a run that an organisation had here."""
    place = RunPlace(asked.submitted_ms, asked.status, asked.version)
    return _json(await here.records.page(asked.org, run_id, place, asked.cursor, asked.limit))


@router.post(f"{_ARRIVAL}/open")
async def open_(move_id: MoveId, org: Org, attempt: Attempt, here: Cell) -> Response:
    """Open the organisation here."""
    await here.arriving.open(move_id, org, attempt)
    return _json({"state": "open"})


@router.post(f"{_ARRIVAL}/discard")
async def discard(move_id: MoveId, org: Org, origin: From, here: Cell) -> Response:
    """Call an arrival off."""
    await here.arriving.discard(move_id, org, origin)
    return _json({"state": "discarded"})


def _json(found: object) -> Response:
    return Response(orjson.dumps(found), media_type="application/json")
