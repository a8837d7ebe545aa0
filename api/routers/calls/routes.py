"""Why routes were chosen, and scores of the answers that they gave."""

from typing import Annotated

from fastapi import APIRouter, Query
from msgspec.structs import asdict

from api.dependencies import Parts, Reader, RunId, RunReader, RunWriter
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from schemas.api_models.routes import (
    EvaluateRoutes,
    RouteCandidate,
    RouteChoice,
    RouteEstimate,
    RouteEvaluation,
    RouteExcluded,
    RouteTry,
    ScoreAccepted,
    ScoreStep,
    StepRoutes,
)
from schemas.records.routes import RouteScored
from services.routing.bandit import Weights
from services.routing.choice import Choice, recomputed
from services.routing.evaluation import Policy
from services.runs.answers.routes import Tried
from services.runs.answers.scores import Score, counts_for

router = APIRouter(prefix="/api/v1/runs", tags=["runs"], route_class=StrictJsonRoute)
evaluations = APIRouter(prefix="/api/v1/routes", tags=["routes"], route_class=StrictJsonRoute)


@router.post("/{run_id}/scores", status_code=202, responses=errors(404, 409), summary="Score an answer")
async def score_step(run_id: RunId, body: ScoreStep, who: RunWriter, parts: Parts) -> ScoreAccepted:
    """Score the answer of a model, from 0 to 1.

    It counts for the routes of a node that learns them, for the rollout whose version the run got, and for the series
    of the prompt's quality.
    """
    one = Score(body.step_id, body.score, body.name, body.attempt)
    records = await parts.runs.routes.score(who.org_id, run_id, one)
    group = next((record.group for record in records if isinstance(record, RouteScored)), None)
    return ScoreAccepted(
        run_id=run_id, step_id=body.step_id, score=body.score, group=group, counts_for=counts_for(records)
    )


@router.get("/{run_id}/route", responses=errors(404), summary="Explain a chosen route")
async def get_route(
    run_id: RunId,
    step: Annotated[str, Query(min_length=1, max_length=256, description="The step's id.")],
    who: RunReader,
    parts: Parts,
) -> StepRoutes:
    """Return the choices of a step's calls: candidates, scores, and the models that were excluded with reasons."""
    found = await parts.runs.routes.choices(who.org_id, run_id, step)
    tries = await parts.runs.routes.tries(who.org_id, run_id, step)
    return StepRoutes(
        run_id=run_id,
        step_id=step,
        choices=[_answer(attempt, one) for attempt, one in found],
        tries=[_tried(one) for one in tries],
    )


@evaluations.post("/evaluate", responses=errors(422), summary="Judge another routing policy")
async def evaluate_routes(body: EvaluateRoutes, who: Reader, parts: Parts) -> RouteEvaluation:
    """Judge by the logged choices of a prompt that learns what another policy would have earned.

    An effective sample under 100 is refused: then the log says nothing about that policy.
    """
    policy = Policy(
        by=body.policy.by,
        weights=None if body.policy.weights is None else body.policy.weights.model_dump(),
        shares=body.policy.shares,
    )
    weights = Weights(cost_per_usd=body.cost_per_usd, lateness=body.lateness)
    found = await parts.routing.evaluate(who.org_id, body.prompt, body.tier, body.days, policy, weights)
    judged = found.judged
    return RouteEvaluation(
        prompt=body.prompt,
        tier=body.tier,
        choices=judged.choices,
        skipped=found.skipped,
        scored=found.scored,
        effective_sample=judged.effective_sample,
        clipped=judged.clipped,
        logged=RouteEstimate(**asdict(found.logged)),
        ips=RouteEstimate(**asdict(judged.ips)),
        snips=RouteEstimate(**asdict(judged.snips)),
        doubly_robust=RouteEstimate(**asdict(judged.doubly_robust)),
    )


def _tried(one: Tried) -> RouteTry:
    return RouteTry(**(asdict(one) | {"skipped": [RouteExcluded(**asdict(out)) for out in one.skipped]}))


def _answer(attempt: int, one: Choice) -> RouteChoice:
    return RouteChoice(
        attempt=attempt,
        route=one.route,
        by=one.by,
        tier=one.tier,
        policy=one.policy,
        models=one.models,
        propensity=one.propensity,
        seed=one.seed,
        learned_from=one.learned_from,
        weights=one.weights,
        candidates=[RouteCandidate(**asdict(candidate)) for candidate in one.candidates],
        excluded=[RouteExcluded(**asdict(out)) for out in one.excluded],
        fallbacks=list(one.fallbacks),
        margin=one.margin,
        recomputes=recomputed(one) == one.route,
    )
