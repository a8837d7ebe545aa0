"""The error responses of a route, for the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from schemas.api_models.problem import MEDIA_TYPE

_WHEN = {
    400: "The body is empty, or is not JSON in UTF-8",
    401: "The API key is missing, unknown, expired or revoked",
    403: "The key lacks the permission, is limited to other things, or belongs to another organisation",
    404: "The organisation has no such resource",
    408: "The body did not arrive within 30 s",
    409: "Conflicts with the resource's current state",
    410: "The data of the person was erased",
    413: "Over a size limit",
    415: "The body is compressed, or is no JSON by its content type or alphabet",
    422: "Invalid request; `problems` names every invalid part with its path and how to fix it",
    429: "A concurrency limit, or the key's rate limit, is reached; retry after `Retry-After` seconds",
    503: "A dependency does not answer; retry after `Retry-After` seconds",
}
#: Types that are not named as their status is.
_KINDS = {
    401: "unauthenticated",
    410: "subject-erased",
    413: "too-large",
    422: "invalid-input",
    429: "overloaded",
    503: "unavailable",
}
_PROBLEMS = [{"path": "inputs.document_key", "message": "is missing", "fix": 'add "document_key" to the inputs'}]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route: these statuses, and those of every guarded route."""
    return {status: response(status) for status in sorted({401, 403, 422, 429, 503, *statuses})}


def response(status: int) -> dict[str, Any]:
    """Return the description of one error, with an example."""
    phrase = HTTPStatus(status).phrase
    example = {
        "type": f"urn:agentflow:problem:{_KINDS.get(status, phrase.lower().replace(' ', '-'))}",
        "title": phrase,
        "status": status,
        "detail": _WHEN[status],
        "instance": "/api/v1/workflows/runs",
        "problems": _PROBLEMS if status == 422 else [],
    }
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {"description": _WHEN[status], "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}
