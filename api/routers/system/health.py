"""Liveness, readiness and metrics; no key needed, but for metrics the one of the settings, if there is one."""

import hmac

from fastapi import APIRouter, Request, Response

from api.dependencies import Parts
from api.http.readiness import readiness
from api.routers.errors import response
from schemas.api_models.access import Health, Readiness
from schemas.errors import Unauthenticated

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


@router.get("/metrics", response_class=Response, responses={401: response(401)})
async def metrics(parts: Parts, request: Request) -> Response:
    """Return the metrics in Prometheus' text format, or as OpenMetrics, with exemplars, when that is accepted.

    The page names organisations and workflows: with `METRICS_KEY` it needs `Authorization: Bearer <that key>`.
    """
    operations, accept = parts.operations, request.headers.get("accept", "")
    wanted = f"Bearer {operations.metrics_key}".encode()
    if operations.metrics_key and not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
        raise Unauthenticated("the page of metrics needs its own key: Authorization: Bearer <METRICS_KEY>")
    text, content_type = await operations.exposition.text(operations.measures.registry, accept)
    return Response(text, headers={"Content-Type": content_type})
