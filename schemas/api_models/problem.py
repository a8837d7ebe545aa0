"""Errors as the API answers them: problem details, RFC 9457."""

from schemas.api_models.base import Answer

MEDIA_TYPE = "application/problem+json"


class ProblemPart(Answer):
    """One thing wrong in the request: where, what, and how to mend it."""

    path: str
    message: str
    fix: str = ""


class ProblemDetails(Answer):
    """What went wrong. ``type`` is stable and says what the caller can do; ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    problems: list[ProblemPart] = []
    dependency: str | None = None
