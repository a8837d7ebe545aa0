"""Deployments of prompts: a version for an environment, its statistics, and what people decide by hand."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query

from api.caller import Caller
from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.strict_json import StrictJsonRoute
from api.render import deployments as render
from api.routers.definitions.prompts import PromptName, author, changed
from api.routers.errors import errors
from api.services import Services
from connectors.redis.readers.deployments import RolloutTable
from schemas.api_models.base import MAX_PAGE
from schemas.api_models.prompts.deployments import (
    DeploymentAnswer,
    DeploymentLine,
    DeploymentPage,
    StartDeployment,
    StepDeployment,
)
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem, Unavailable
from schemas.prompts.refs import LABEL_PATTERN, LATEST, PromptRef
from schemas.rollouts.deployment import Deployment, DeploymentFilter
from schemas.rollouts.plan import Status
from schemas.spec.model import NAME_PATTERN
from schemas.values.fields import ASCII_INTEGER
from services.prompts.rollouts.control import Action, DeployRequest
from services.prompts.rollouts.plans import PlanRequest

router = APIRouter(prefix="/api/v1", tags=["deployments"], route_class=StrictJsonRoute)

DeploymentId = Annotated[str, Path(pattern=r"^dep_[0-9a-f]{32}$")]


@router.post("/prompts/{name}/deployments", status_code=201, responses=errors(404, 409, 413))
async def deploy_prompt(name: PromptName, body: StartDeployment, who: PromptWriter, parts: Parts) -> DeploymentLine:
    """Deploy a version to an environment: at once, or by a rollout that statistics decide. 409 while another runs."""
    who.require_named("prompt", name)
    request = DeployRequest(
        ref=PromptRef(name, *_which(body.version)),
        environment=body.environment,
        plan=_plan(body),
        first_at_once=body.mode is None and body.steps is None,
        message=body.message,
    )
    started = await parts.rollouts.control.start(who.org_id, request, author(who))
    changed(parts, who)
    return render.line(started)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentQuery:
    """Which deployments are listed, as query parameters."""

    prompt: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None
    environment: Annotated[str | None, Query(pattern=LABEL_PATTERN)] = None
    status: Status | None = None
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 50
    cursor: Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the previous page.")] = None

    def filtered(self, who: Caller) -> DeploymentFilter:
        """Return the filter, of what the caller may see."""
        return DeploymentFilter(
            limit=self.limit,
            prompt=self.prompt,
            environment=self.environment,
            status=self.status,
            project=who.project,
            prompts_like=who.scopes.like("prompt"),
            cursor=self.cursor,
        )


@router.get("/deployments", responses=errors())
async def list_deployments(
    who: PromptReader, parts: Parts, asked: Annotated[DeploymentQuery, Depends()]
) -> DeploymentPage:
    """List deployments, the newest first, without their statistics."""
    found, more = await parts.rollouts.control.deployments.page(who.org_id, asked.filtered(who))
    return DeploymentPage(deployments=list(map(render.line, found)), next_cursor=more)


@router.get("/deployments/{deployment_id}", responses=errors(404))
async def get_deployment(deployment_id: DeploymentId, who: PromptReader, parts: Parts) -> DeploymentAnswer:
    """Return a deployment with its statistics as they are now, and what its next step or its promotion waits for."""
    one = await parts.rollouts.control.get(who.org_id, deployment_id, author(who))
    return render.deployment(one, await _table(parts, one), now_ms())


@router.post("/deployments/{deployment_id}/promote", status_code=202, responses=errors(404, 409))
async def promote_deployment(deployment_id: DeploymentId, who: PromptWriter, parts: Parts) -> DeploymentLine:
    """Promote the new version by hand. It wins over the statistics, before and after they decided."""
    return await _decided(deployment_id, "promote", who, parts)


@router.post("/deployments/{deployment_id}/rollback", status_code=202, responses=errors(404, 409))
async def roll_back_deployment(deployment_id: DeploymentId, who: PromptWriter, parts: Parts) -> DeploymentLine:
    """Return to the stable version by hand. It wins over the statistics, before and after they decided."""
    return await _decided(deployment_id, "rollback", who, parts)


@router.post("/deployments/{deployment_id}/stop", status_code=202, responses=errors(404, 409))
async def stop_deployment(deployment_id: DeploymentId, who: PromptWriter, parts: Parts) -> DeploymentLine:
    """End a rollout without a verdict: all runs get the stable version."""
    return await _decided(deployment_id, "stop", who, parts)


@router.post("/deployments/{deployment_id}/step", status_code=202, responses=errors(404, 409))
async def step_deployment(
    deployment_id: DeploymentId, body: StepDeployment, who: PromptWriter, parts: Parts
) -> DeploymentLine:
    """Move a running rollout to a later step of its plan, named by its share."""
    one = await parts.rollouts.control.get(who.org_id, deployment_id, author(who))
    if body.share not in one.plan.steps:
        shares = ", ".join(f"{share:g}" for share in one.plan.steps)
        raise InvalidInput.of(Problem("share", f"the plan has no step of {body.share:g}", f"name one of {shares}"))
    step = one.plan.steps.index(body.share)
    if one.status == "running" and step <= one.step:
        problem = Problem("share", f"the canary has {one.plan.ratio(one.step):g} already", "name a larger share")
        raise InvalidInput.of(problem)
    found = await parts.rollouts.control.step(who.org_id, deployment_id, step, author(who))
    changed(parts, who)
    return render.line(found)


async def _decided(deployment_id: str, action: Action, who: Caller, parts: Services) -> DeploymentLine:
    found = await parts.rollouts.control.decide(who.org_id, deployment_id, action, author(who))
    changed(parts, who)
    return render.line(found)


async def _table(parts: Services, one: Deployment) -> RolloutTable | None:
    """Return what the fold has of the rollout. Without Redis the last decision's figures are shown."""
    try:
        return await parts.rollouts.table.rollout(one.rollout)
    except Unavailable:
        return None


def _plan(body: StartDeployment) -> PlanRequest:
    fields = body.model_dump(exclude={"version", "environment", "message"}, exclude_none=True)
    return msgspec.convert(fields, PlanRequest)


def _which(version: int | str | None) -> tuple[int | None, str | None]:
    if version is None or version == LATEST:
        return None, None
    return (None, version) if isinstance(version, str) else (version, None)
