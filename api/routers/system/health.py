"""Liveness, readiness and metrics; no key needed."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import Parts
from api.http.readiness import readiness
from api.http.role_counters import exposition
from schemas.api_models.access import Health, Readiness

router = APIRouter(tags=["operations"])


@router.get("/health")
async def health() -> Health:
    """Report that the process is alive."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness, "description": "A dependency does not answer"}})
async def ready(parts: Parts, response: Response) -> Readiness:
    """Name every dependency with its state, within two seconds."""
    found = await readiness(parts.operations.checks, parts.operations.optional_checks)
    if found.status == "not ready":
        response.status_code = 503
        response.headers["Retry-After"] = "1"
    return found


@router.get("/metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Return the metrics in Prometheus' text format."""
    text = await exposition(parts.operations.measures.registry, parts.operations.counters)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
