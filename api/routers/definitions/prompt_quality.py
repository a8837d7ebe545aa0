"""Quality of prompts: series of their live scores, where they changed, and points to draw."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Parts, PromptReader
from api.http.strict_json import StrictJsonRoute
from api.routers.definitions.prompts import PromptName, author
from api.routers.errors import errors
from api.routers.filters import time_ms
from connectors.clickhouse.score_points import By, Every
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.quality import (
    QualityChange,
    QualityPage,
    QualityPoint,
    QualityPoints,
    QualityReference,
    QualitySeries,
)
from schemas.clock import now_ms
from schemas.prompts.refs import PromptRef
from schemas.tables.equality import e_value
from schemas.tables.quality import Equality, Series
from services.observability.quality.stability import stability_index

router = APIRouter(prefix="/api/v1/prompts/{name}/quality", tags=["prompts"], route_class=StrictJsonRoute)

#: What is shown without ``since``.
_SPAN_MS = {"minute": 3_600_000, "hour": 2 * 86_400_000, "day": 90 * 86_400_000}
MOST_POINTS = 2_000


@router.get("", responses=errors(404))
async def get_prompt_quality(name: PromptName, who: PromptReader, parts: Parts) -> QualityPage:
    """Return the series of the prompt's live scores, with the changes of their means."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.get(who.org_id, PromptRef(name), author(who))
    found = await parts.evaluations.series.of(who.org_id, name)
    return QualityPage(prompt=name, series=[_shown(*key, one) for key, one in found.items()])


@router.get("/points", responses=errors(404))
async def get_prompt_quality_points(
    name: PromptName,
    who: PromptReader,
    parts: Parts,
    by: By = "version",
    every: Every = "hour",
    since: Annotated[str | None, Query(description="RFC 3339, or a span such as `1d`.")] = None,
) -> QualityPoints:
    """Return the prompt's live scores by minute, hour or day: of the last hour, two days or 90 days without `since`.

    The newest 2,000 points are returned.
    """
    who.require_named("prompt", name)
    await parts.definitions.prompts.get(who.org_id, PromptRef(name), author(who))
    from_ms = time_ms("query.since", since)
    since_ms = now_ms() - _SPAN_MS[every] if from_ms is None else from_ms
    points = await parts.evaluations.points.of(who.org_id, name, by, every, since_ms, MOST_POINTS)
    return QualityPoints(
        prompt=name,
        by=by,
        every=every,
        since=timestamp(since_ms),
        points=[
            QualityPoint(
                at=timestamp(one.at_ms),
                scorer=one.scorer,
                value=one.value,
                scores=one.scores,
                mean=one.mean,
                deviation=one.deviation,
            )
            for one in points
        ],
    )


def _shown(scorer: str, by: str, value: str, series: Series) -> QualitySeries:
    return QualitySeries(
        scorer=scorer,
        by=by,
        value=value,
        scores=series.window.seen,
        window=series.window.width,
        mean=series.window.mean,
        stability=stability_index(series.first, series.recent),
        changes=[
            QualityChange(
                at=timestamp(one.at_ms), before=one.before, after=one.after, scores=one.seen, run_id=one.run_id
            )
            for one in series.changes
        ],
        reference=None if series.equality is None else _reference(series.equality),
        newest_at=timestamp(series.newest_ms),
    )


def _reference(found: Equality) -> QualityReference:
    return QualityReference(
        reference=found.reference,
        pairs=found.pairs,
        different=found.different,
        e_value=e_value(found),
        limit=found.limit,
        diverged=found.diverged,
    )
