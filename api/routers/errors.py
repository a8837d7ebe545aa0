"""The error responses of a route, for the OpenAPI document."""

from typing import Any

from schemas.api_models.problem import MEDIA_TYPE

_WHEN = {
    401: "The API key is missing or unknown",
    403: "The key lacks the permission, or belongs to another organisation",
    404: "The organisation has no such resource",
    409: "Conflicts with the resource's current state",
    413: "Over a size limit",
    422: "Invalid request; `problems` names every invalid part with its path and how to fix it",
    429: "A concurrency limit is reached; retry after `Retry-After` seconds",
    503: "A dependency does not answer; retry after `Retry-After` seconds",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route: these statuses, and those of every guarded route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": _WHEN[status], "content": content} for status in sorted({401, 403, 422, 503, *statuses})
    }
