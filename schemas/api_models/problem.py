"""Errors as the API answers them: problem details, RFC 9457."""

from schemas.api_models.base import Answer, RunLinks

MEDIA_TYPE = "application/problem+json"


class ProblemPart(Answer):
    """One invalid part of the request: its path, the problem, and how to fix it."""

    path: str
    message: str
    fix: str = ""


class ProblemDetails(Answer):
    """An error. ``type`` is stable and tells programs how to react; ``detail`` is for people.

    ``run_id`` and ``links`` are those of a run whose submission was not acknowledged and may have been accepted.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    problems: list[ProblemPart] = []
    dependency: str | None = None
    run_id: str | None = None
    links: RunLinks | None = None
