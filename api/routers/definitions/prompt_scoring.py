"""Live scores of prompts: which share of production's answers is scored, by what, and what they were worth."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.strict_json import StrictJsonRoute
from api.routers.definitions.prompts import PromptName, author
from api.routers.errors import errors
from api.routers.filters import time_ms
from api.services import Services
from connectors.postgres.prompts.scoring import ScoringPolicy
from schemas import money
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.evaluations import Scorer
from schemas.api_models.prompts.live_scores import (
    LiveJudgeAnswer,
    LiveScoreLine,
    LiveScorePage,
    ScoringAnswer,
    SetLiveJudge,
    SetScoring,
)
from schemas.clock import now_ms
from schemas.errors import NotFound
from schemas.prompts.evaluations import ScorerSpec
from schemas.prompts.refs import PromptRef
from services.prompts.live.judges import JudgeState, Wanted
from services.prompts.live.policy import check_live_scorers

router = APIRouter(prefix="/api/v1/prompts/{name}", tags=["prompts"], route_class=StrictJsonRoute)

_UNCALIBRATED = (
    "uncalibrated: no evaluation with labels of people is named; evaluate the prompt with this judge, label 50 of its "
    "answers, and name the evaluation as judge.calibration"
)
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
    judge = await parts.evaluations.judges.plan(who.org_id, name, scorers, _wanted(body.judge), who.project)
    policy = ScoringPolicy(
        name=name,
        sample=body.sample,
        scorers=scorers,
        version=ref.version,
        label=ref.label,
        judge=judge,
        changed_by=who.key_id,
    )
    return await _shown(parts, who.org_id, await parts.evaluations.scoring.put(who.org_id, policy))


@router.get("/scoring", responses=errors(404))
async def get_prompt_scoring(name: PromptName, who: PromptReader, parts: Parts) -> ScoringAnswer:
    """Return how the prompt's live answers are scored."""
    who.require_named("prompt", name)
    await parts.definitions.prompts.get(who.org_id, PromptRef(name), author(who))
    return await _shown(parts, who.org_id, await parts.evaluations.scoring.get(who.org_id, name))


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
    judge = await _judge(parts, who.org_id, name)
    return LiveScorePage(
        prompt=name,
        since=timestamp(since_ms),
        scores=[
            LiveScoreLine(
                version=one.version,
                scorer=one.scorer,
                mean=one.mean,
                scored=one.scored,
                failed=one.failed,
                calibrated=judge.is_calibrated if judge is not None and judge.scorer == one.scorer else None,
            )
            for one in lines
        ],
    )


def _which(version: int | str | None) -> tuple[int | None, str | None]:
    return (None, version) if isinstance(version, str) else (version, None)


async def _judge(parts: Services, org_id: str, name: str) -> JudgeState | None:
    """Return the judge of a prompt's policy, ``None`` where there is no policy, or no judge in it."""
    try:
        policy = await parts.evaluations.scoring.get(org_id, name)
    except NotFound:
        return None
    return await parts.evaluations.judges.state(org_id, policy)


def _wanted(judge: SetLiveJudge | None) -> Wanted | None:
    if judge is None:
        return None
    return Wanted(
        day_nano=money.from_cents(judge.cents_per_day),
        call_nano=money.from_cents(judge.cents_per_call),
        calibration=judge.calibration,
    )


async def _shown(parts: Services, org_id: str, policy: ScoringPolicy) -> ScoringAnswer:
    judge = await parts.evaluations.judges.state(org_id, policy)
    return ScoringAnswer(
        prompt=policy.name,
        sample=policy.sample,
        scorers=[Scorer(**msgspec.structs.asdict(one)) for one in policy.scorers],
        version=policy.label or policy.version,
        changed_by=policy.changed_by,
        changed_at=timestamp(policy.changed_ms),
        judge=None if judge is None else _shown_judge(judge),
    )


def _shown_judge(judge: JudgeState) -> LiveJudgeAnswer:
    plan, found = judge.plan, judge.result
    return LiveJudgeAnswer(
        scorer=judge.scorer,
        cents_per_day=money.cents(plan.day_nano),
        cents_per_call=money.cents(plan.call_nano),
        spent_cents=money.cents(judge.spent_nano),
        calibrated=judge.is_calibrated,
        calibration=plan.calibration or None,
        labels=0 if found is None else found.labels,
        agreement=None if found is None else found.agreement,
        kappa=None if found is None else found.kappa,
        warnings=[_UNCALIBRATED] if found is None else found.warnings,
    )
