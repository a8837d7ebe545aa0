"""Leases of a queue's steps, for users' own workers over HTTP."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request

from api.caller import Caller
from api.dependencies import Parts, Writer
from api.http.strict_json import StrictJsonRoute
from api.render import queues as render
from api.routers.errors import errors
from schemas import money
from schemas.api_models.operations.queues import (
    MAX_PROGRESS,
    CompleteStep,
    ExtendLease,
    FailedStep,
    LeasedSteps,
    LeaseExtended,
    LeaseReleased,
    LeaseSteps,
    QueueOwner,
    ReleaseLease,
    StatedCost,
    StepCompleted,
)
from schemas.errors import Forbidden, InvalidInput, Problem, StepError, Undecodable
from schemas.queues import NODE_PATTERN, OWN, whole_name
from services.runs.leasing.leases import Completion, Cost, LeaseRequest
from topics.catalogue import lane

QueueName = Annotated[str, Path(pattern=NODE_PATTERN)]

router = APIRouter(prefix="/api/v1/queues", tags=["queues"], route_class=StrictJsonRoute)


@router.post("/{name}/lease", responses=errors(404, 429))
async def lease_steps(name: QueueName, body: LeaseSteps, who: Writer, parts: Parts, request: Request) -> LeasedSteps:
    """Lease steps of a queue. Waits up to `wait_s` seconds for the first one, and answers with none after that."""
    queue = _queue(name, body.of, who)
    with parts.leases.bound.place():
        topic = await parts.leases.queues.topic(queue)
        wish = LeaseRequest(topic, body.worker_id, body.max, round(body.lease_s * 1000), body.wait_s)
        async with parts.leases.presence.shown(topic, body.worker_id, body.max):
            leased = await parts.leases.steps.lease(wish)
    if leased and await request.is_disconnected():
        # Its worker will never see them: others need not wait until they end.
        await parts.leases.steps.give_back(topic, leased)
    return LeasedSteps(leases=[render.leased(one, body.lease_s) for one in leased])


@router.post("/{name}/heartbeat", responses=errors(409))
async def extend_lease(name: QueueName, body: ExtendLease, who: Writer, parts: Parts) -> LeaseExtended:
    """Extend a lease by its length, and store progress. The answer says when the run was canceled."""
    progress = orjson.dumps(body.progress) if "progress" in body.model_fields_set else b""
    if len(progress) > MAX_PROGRESS:
        said = f"has {len(progress)} bytes of JSON, the most is {MAX_PROGRESS}"
        raise InvalidInput(said, (Problem("progress", said, "store it elsewhere, and send where it is"),))
    extended = await parts.leases.steps.extend(_topic(name, body.of, who), body.lease, progress)
    return LeaseExtended(canceled=extended.kind == "ended", lease_s=extended.lease_ms / 1000)


@router.post("/{name}/complete", responses=errors(409, 413))
async def complete_step(name: QueueName, body: CompleteStep, who: Writer, parts: Parts) -> StepCompleted:
    """Store the outcome of a leased step. Safe to repeat: the first outcome counts."""
    try:
        repeated = await parts.leases.steps.complete(_topic(name, body.of, who), body.lease, _completion(body))
    except Undecodable as exc:
        raise InvalidInput(str(exc), (Problem("output", str(exc), "send a smaller JSON value"),)) from exc
    return StepCompleted(repeated=repeated)


@router.post("/{name}/release", responses=errors(409))
async def release_lease(name: QueueName, body: ReleaseLease, who: Writer, parts: Parts) -> LeaseReleased:
    """Return a leased step that was not worked on, so that another worker may lease it at once."""
    released = await parts.leases.steps.release(_topic(name, body.of, who), body.lease)
    return LeaseReleased(released=released)


def _topic(name: str, of: QueueOwner, who: Caller) -> str:
    return lane(_queue(name, of, who))


def _queue(name: str, of: QueueOwner, who: Caller) -> str:
    """Return the whole name of a queue that the caller may serve. Raises ``Forbidden``."""
    if of == "organisation":
        return whole_name(f"{OWN}{name}", who.org_id)
    if not who.bootstrap:
        raise Forbidden(
            "queues of the installation have steps of every organisation, so only the platform's own key (API_KEY) "
            f"serves them; let nodes name `queue: {OWN}{name}` and leave out `of`"
        )
    return name


def _completion(body: CompleteStep) -> Completion:
    return Completion(body.output, _error(body.error), _cost(body.cost))


def _error(said: FailedStep | None) -> StepError | None:
    if said is None:
        return None
    return StepError(said.code, said.message, retryable=said.retryable, retry_after_ms=said.retry_after_ms)


def _cost(said: StatedCost | None) -> Cost | None:
    return None if said is None else Cost(money.from_usd(said.usd), said.provider, said.model)
