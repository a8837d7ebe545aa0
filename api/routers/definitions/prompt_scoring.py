"""Live scores of prompts: which share of production's answers is scored, by what, and what they were worth."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.strict_json import StrictJsonRoute
from api.routers.definitions.prompts import PromptName, author
from api.routers.errors import errors
from api.routers.filters import time_ms
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.evaluations import Scorer
from schemas.api_models.prompts.live_scores import LiveScoreLine, LiveScorePage, ScoringAnswer, SetScoring
from schemas.clock import now_ms
from schemas.prompts.evaluations import ScorerSpec
from schemas.prompts.refs import PromptRef
from services.prompts.live.policy import check_live_scorers

router = APIRouter(prefix="/api/v1/prompts/{name}", tags=["prompts"], route_class=StrictJsonRoute)

#: What is summarised without ``since``.
_WEEK_MS = 7 * 86_400_000


@router.put("/scoring", responses=errors(404))
async def set_prompt_scoring(name: PromptName, body: SetScoring, who: PromptWriter, parts: Parts) -> ScoringAnswer:
    """Score a share of the prompt's live answers from now on, in place of what was set before."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.require_owned(who.org_id, name, author(who))
    scorers = msgspec.convert([one.model_dump() for one in body.scorers], list[ScorerSpec])
    check_live_scorers(scorers)
    ref = PromptRef(name, *_which(body.version))
    await parts.definitions.prompts.get(who.org_id, ref, author(who))
    policy = ScoringPolicy(
        name=name, sample=body.sample, scorers=scorers, version=ref.version, label=ref.label, changed_by=who.key_id
    )
    return _shown(await parts.evaluations.scoring.put(who.org_id, policy))


@router.get("/scoring", responses=errors(404))
async def get_prompt_scoring(name: PromptName, who: PromptReader, parts: Parts) -> ScoringAnswer:
    """Return how the prompt's live answers are scored."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.get(who.org_id, PromptRef(name), author(who))
    return _shown(await parts.evaluations.scoring.get(who.org_id, name))


@router.delete("/scoring", status_code=204, responses=errors(404))
async def remove_prompt_scoring(name: PromptName, who: PromptWriter, parts: Parts) -> Response:
    """Score no live answers of the prompt any more. Its scores stay."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.require_owned(who.org_id, name, author(who))
    await parts.evaluations.scoring.remove(who.org_id, name)
    return Response(status_code=204)


@router.get("/scores", responses=errors(404))
async def get_prompt_scores(
    name: PromptName,
    who: PromptReader,
    parts: Parts,
    since: Annotated[str | None, Query(description="RFC 3339, or a span such as `1d`; seven days by default.")] = None,
) -> LiveScorePage:
    """Return the mean of the prompt's live scores, by version and scorer."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.get(who.org_id, PromptRef(name), author(who))
    from_ms = time_ms("query.since", since)
    since_ms = now_ms() - _WEEK_MS if from_ms is None else from_ms
    lines = await parts.evaluations.live_scores.summary(who.org_id, name, since_ms, who.project)
    return LiveScorePage(
        prompt=name,
        since=timestamp(since_ms),
        scores=[
            LiveScoreLine(version=one.version, scorer=one.scorer, mean=one.mean, scored=one.scored, failed=one.failed)
            for one in lines
        ],
    )


def _which(version: int | str | None) -> tuple[int | None, str | None]:
    return (None, version) if isinstance(version, str) else (version, None)


def _shown(policy: ScoringPolicy) -> ScoringAnswer:
    return ScoringAnswer(
        prompt=policy.name,
        sample=policy.sample,
        scorers=[Scorer(**msgspec.structs.asdict(one)) for one in policy.scorers],
        version=policy.label or policy.version,
        changed_by=policy.changed_by,
        changed_at=timestamp(policy.changed_ms),
    )
