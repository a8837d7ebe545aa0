"""The steps of a run, by page: a mapped node may have thousands of children."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.dependencies import Parts, RunId, RunReader
from api.http.strict_json import StrictJsonRoute
from api.reading import shown_steps
from api.render import runs as render
from api.routers.errors import errors
from api.routers.filters import stored_text
from api.services import Services
from connectors.postgres.history.run_steps import StepFilter
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.runs import StepPage
from schemas.run_states import StepState
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1/workflows/runs", tags=["runs"], route_class=StrictJsonRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuery:
    """Which steps are listed, as query parameters."""

    node: Annotated[str | None, Query(max_length=128, description="Only steps of this node.")] = None
    status: Annotated[StepState | None, Query()] = None
    outputs: Annotated[bool, Query(description="Include every step's output.")] = False
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 100
    cursor: Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the previous page.")] = None

    def filtered(self) -> StepFilter:
        """Return the filter. Raises ``InvalidInput``."""
        return StepFilter(
            node=stored_text("query.node", self.node),
            status=self.status,
            cursor=self.cursor,
            limit=self.limit,
            outputs=self.outputs,
        )


@router.get("/{run_id}/steps", responses=errors(404), summary="List the steps of a run")
async def list_steps(run_id: RunId, who: RunReader, parts: Parts, asked: Annotated[StepQuery, Depends()]) -> StepPage:
    """List steps by node id, the children of a mapped node in the order of their items."""
    steps, next_cursor = await parts.runs.steps.page(who.org_id, run_id, asked.filtered())
    # A caller that pages a run of others gets no more than of one that is not there.
    if not steps and not await _is_known(parts, who.org_id, run_id):
        raise await parts.runs.known.unknown(run_id)
    if asked.outputs:
        steps = await shown_steps(parts, who, run_id, steps)
    return StepPage(steps=[render.step_answer(one, asked.outputs) for one in steps], next_cursor=next_cursor)


async def _is_known(parts: Services, org_id: str, run_id: str) -> bool:
    line = await parts.runs.history.status(org_id, run_id)
    return line is not None or await parts.runs.markers.find(org_id, run_id) is not None
