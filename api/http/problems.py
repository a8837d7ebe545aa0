"""Every error as problem details (RFC 9457), mapped in this one place.

InvalidSpec, InvalidInput, SubmissionConflict  422     Overloaded    429, Retry-After
Conflict                                       409     Unavailable   503, Retry-After
SubjectErased                                  410     OrganisationLeft 307, Location
NotFound                                       404     anything else 500, without a word of what it was
Unauthenticated                                401, WWW-Authenticate
Forbidden                                      403
TooLarge                                       413
"""

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from api.acts import denied, nameless
from api.render.runs import links
from schemas.api_models.problem import MEDIA_TYPE, ProblemDetails, ProblemPart
from schemas.errors import (
    AgentFlowError,
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidSpec,
    NotFound,
    OrganisationLeft,
    OutcomeUnknown,
    Overloaded,
    Problem,
    Rejected,
    SubjectErased,
    SubmissionConflict,
    TooLarge,
    TryLater,
    Unauthenticated,
    Unavailable,
)
from schemas.values.validation_texts import problems_of

logger = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Error = TypeVar("Error", bound=Exception)
Handler = Callable[[Request, Exception], Awaitable[Response]]

_STATUS: tuple[tuple[type[AgentFlowError], int], ...] = (
    (OrganisationLeft, 307),
    (InvalidSpec, 422),
    (InvalidInput, 422),
    (SubmissionConflict, 422),
    (Conflict, 409),
    (NotFound, 404),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (TooLarge, 413),
    (SubjectErased, 410),
    (Rejected, 400),
    (Overloaded, 429),
    (TryLater, 503),
)
#: From here on the fault is not the sender's.
_FAULT = 500
_RUN = re.compile(r"/api/v1/workflows/runs/(?!bulk$)([^/]+)")


class RefusedBody(HTTPException):
    """A body that is JSON and breaks a rule of values. FastAPI lets no other exception out of the reading of a body."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(status, str(problem))
        self.problem = problem


def install(app: FastAPI) -> None:
    """Let the app answer every error as a problem."""
    app.add_exception_handler(AgentFlowError, _only(AgentFlowError, _ours))
    app.add_exception_handler(RequestValidationError, _only(RequestValidationError, _invalid_request))
    app.add_exception_handler(HTTPException, _only(HTTPException, _http))
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    instance: str | None = None,
    problems: Sequence[Problem] = (),
    dependency: str | None = None,
    maybe: OutcomeUnknown | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response. ``kind`` becomes the last part of the problem's type, which is stable.

    ``maybe`` names the run that may have been accepted.
    """
    body = _details(status, kind, detail, instance=instance, problems=problems)
    body = body.model_copy(update={"dependency": dependency})
    if maybe is not None:
        found = links(maybe.run_id, maybe.workflow_name, maybe.workflow_version)
        body = body.model_copy(update={"run_id": maybe.run_id, "links": found})
    content = body.model_dump_json(exclude_none=True, exclude_defaults=False)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def error_of(exc: Rejected) -> ProblemDetails:
    """Return what one of many submissions in a request is refused with, as it would be alone."""
    return _details(_status(exc), _kind(exc), str(exc), problems=exc.problems)


def too_large(limit: int, instance: str) -> Response:
    """Return the response to a body over the limit."""
    detail = f"the body has more than {limit} bytes; store large data as an object and send its URI"
    return problem(413, "too-large", detail, instance=instance)


def _details(
    status: int, kind: str, detail: str, *, instance: str | None = None, problems: Sequence[Problem] = ()
) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:agentflow:problem:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        problems=[ProblemPart(path=p.path, message=p.message, fix=p.fix) for p in problems],
    )


def _only(kind: type[Error], handle: Callable[[Request, Error], Awaitable[Response]]) -> Handler:
    """Return a handler for one kind of exceptions; another kind is a mistake of its registration."""

    async def handler(request: Request, exc: Exception) -> Response:
        if not isinstance(exc, kind):
            raise TypeError(f"{type(exc).__name__} came to the handler of {kind.__name__}") from exc
        return await handle(request, exc)

    return handler


async def _ours(request: Request, exc: AgentFlowError) -> Response:
    if isinstance(exc, Unauthenticated | Forbidden):
        denied(request, str(exc))
    return await _unexpected(request, exc) if _status(exc) == 500 else answer(exc, request.url.path, request.url.query)


def _status(exc: AgentFlowError) -> int:
    return next((code for kind, code in _STATUS if isinstance(exc, kind)), 500)


def answer(exc: AgentFlowError, instance: str, query: str = "") -> Response:
    """Return the response to one of AgentFlow's errors at the path ``instance``. A 5xx is logged, in one line.

    One that is answered by another cell names the same path there, with its ``query``.
    """
    if _status(exc) >= _FAULT:
        _log_fault(exc, instance)
    headers: dict[str, str] = {}
    if isinstance(exc, OrganisationLeft):
        headers["Location"] = f"{exc.url}{quote(instance)}{f'?{query}' if query else ''}"
    elif isinstance(exc, TryLater):
        headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after_s)))
    if isinstance(exc, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="agentflow"'
    return problem(
        _status(exc),
        _kind(exc),
        str(exc),
        instance=instance,
        problems=exc.problems if isinstance(exc, Rejected) else (),
        dependency=exc.dependency if isinstance(exc, Unavailable) else None,
        maybe=exc if isinstance(exc, OutcomeUnknown) else None,
        headers=headers,
    )


def _log_fault(exc: AgentFlowError, instance: str) -> None:
    run = _RUN.match(instance)
    named = {
        "path": nameless(instance),
        "dependency": exc.dependency if isinstance(exc, Unavailable) else None,
        "run_id": run[1] if run else None,
    }
    said = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    logger.warning("answered %d: %s (%s)", _status(exc), exc, said, extra={"action": "request_unavailable"} | named)


async def _invalid_request(request: Request, exc: RequestValidationError) -> Response:
    problems = problems_of(exc.errors(), drop_body=True)
    detail = "; ".join(str(p) for p in problems[:3]) or "the request is not valid"
    return problem(422, "invalid-input", detail, instance=request.url.path, problems=problems)


async def _http(request: Request, exc: HTTPException) -> Response:
    if isinstance(exc, RefusedBody):
        kind = "invalid-input" if exc.status_code == 422 else "bad-request"
        return problem(exc.status_code, kind, exc.detail, instance=request.url.path, problems=(exc.problem,))
    details = {
        404: f"no resource at {request.url.path}; see /docs",
        405: f"{request.url.path} does not allow {request.method}; the header Allow names what it does",
    }
    phrase = HTTPStatus(exc.status_code).phrase
    detail = exc.detail if exc.detail != phrase else details.get(exc.status_code, phrase)
    kind = phrase.lower().replace(" ", "-")
    headers = {"Allow": ", ".join(allowed(request))} if exc.status_code == 405 else exc.headers
    return problem(exc.status_code, kind, detail, instance=request.url.path, headers=headers)


def allowed(request: Request) -> list[str]:
    """Return every method of a path; the framework names those of the first route that has it."""
    return [method for method in _METHODS if _serves(request, method)]


def _serves(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


async def _unexpected(request: Request, exc: Exception) -> Response:
    path = nameless(request.url.path)
    logger.error("%s %s failed", request.method, path, exc_info=exc, extra={"action": "request_failed"})
    detail = "internal error; the log of the API has the traceback"
    return problem(500, "internal", detail, instance=request.url.path)


def _kind(exc: AgentFlowError) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(exc).__name__).lower()
