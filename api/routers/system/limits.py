"""Limits of concurrently running runs."""

from collections.abc import Mapping

from fastapi import APIRouter

from api.dependencies import Parts, Reader, Writer
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.services import Services
from connectors.postgres.history.run_limits import StoredLimits
from connectors.redis.readers.admissions import Counts
from schemas.api_models.base import timestamp
from schemas.api_models.limits import LimitsAnswer, NamedLimit, PutLimits
from schemas.errors import Unavailable

router = APIRouter(prefix="/api/v1/limits", tags=["limits"], route_class=StrictJsonRoute)


@router.get("", responses=errors())
async def get_limits(who: Reader, parts: Parts) -> LimitsAnswer:
    """Return the organisation's limits, and how many of its runs run and wait."""
    return await _answer(parts, who.org_id, await parts.limits.stored.get(who.org_id))


@router.put("", responses=errors(413))
async def put_limits(body: PutLimits, who: Writer, parts: Parts) -> LimitsAnswer:
    """Replace all limits of the organisation. Running runs continue; runs submitted from now on are counted.

    A workflow or a project that does not exist is 422, unless `allow_unknown` is true.
    """
    if not body.allow_unknown:
        await parts.money.targets.check_workflows(who.org_id, body.workflows, "workflows")
        await parts.money.targets.check_projects(who.org_id, body.projects, "projects")
    return await _set(parts, who.org_id, body.max_running_runs, body.workflows, body.projects)


@router.delete("", responses=errors())
async def delete_limits(who: Writer, parts: Parts) -> LimitsAnswer:
    """Remove all limits of the organisation; runs that were queued because of them start."""
    return await _set(parts, who.org_id, None, {}, {})


async def _set(
    parts: Services, org_id: str, most: int | None, workflows: Mapping[str, int], projects: Mapping[str, int]
) -> LimitsAnswer:
    stored = await parts.limits.stored.put(org_id, most, workflows, projects)
    parts.limits.admission_required.forget()
    parts.limits.publisher.wake()
    return await _answer(parts, org_id, stored)


async def _answer(parts: Services, org_id: str, stored: StoredLimits) -> LimitsAnswer:
    counts: Counts | None
    try:
        counts = await parts.limits.admission.counts(org_id, list(stored.workflows), list(stored.projects))
    except Unavailable:
        counts = None
    return LimitsAnswer(
        max_running_runs=stored.max_running_runs,
        workflows=_named(stored.workflows, counts.running_of if counts else {}),
        projects=_named(stored.projects, counts.running_of_projects if counts else {}),
        running=counts.running if counts else None,
        waiting=counts.waiting if counts else None,
        updated_at=timestamp(stored.updated_ms),
    )


def _named(limits: Mapping[str, int], running: Mapping[str, int]) -> dict[str, NamedLimit]:
    return {name: NamedLimit(max_running_runs=most, running=running.get(name)) for name, most in limits.items()}
