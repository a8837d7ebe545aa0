"""Which errors a route can answer, for the OpenAPI document."""

from typing import Any

from schemas.api_models.problem import MEDIA_TYPE

_WHEN = {
    401: "No API key, or one that is not known",
    403: "The key may not do this, or belongs to another organisation",
    404: "No such thing in this organisation",
    409: "Not possible beside what is there already",
    413: "Over a size limit",
    422: "Not valid; `problems` names every part with its path and how to mend it",
    429: "At our limit; see `Retry-After`",
    503: "A dependency does not answer; see `Retry-After`",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route: these statuses, and those that every guarded route has."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": _WHEN[status], "content": content} for status in sorted({401, 403, 422, 503, *statuses})
    }
