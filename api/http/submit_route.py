"""The route of submissions, which parses a well-formed request itself.

FastAPI resolves an endpoint's dependencies for each request, which was half of a submission's time in the API, see
docs/explanation/performance.md. So this route checks the request first. One with a missing header, with
query parameters or with an invalid body takes the ordinary route, so that one place writes every error. CloudEvents
have bodies of their own, see ``api.http.submit_events``.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.auth import bearer_key
from api.caller import Caller
from api.dependencies import WRITER, admitted
from api.http.strict_json import StrictJsonRequest, StrictJsonRoute
from api.http.submit_events import submit_events
from api.services import Services
from schemas.api_models.runs import MAX_ID_LENGTH, SubmitRun
from schemas.cloudevents.http import mode_of
from schemas.trace_context import CONTEXT

JSON = "application/json"


class SubmitRoute(StrictJsonRoute):
    """A route whose endpoint takes ``(body, who, parts, key, *CONTEXT)`` and returns a model."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler: the fast path if the request is well-formed, else FastAPI's."""
        usual, submit, status = super().get_route_handler(), self.endpoint, self.status_code or 200

        async def handle(request: Request) -> Response:
            strict, parts = StrictJsonRequest(request.scope, request.receive), _services(request)
            key = strict.headers.get("idempotency-key")
            secret = bearer_key(strict.headers.get("authorization", ""))
            if secret is not None and mode_of(strict.headers) is not None:
                return await submit_events(strict, await _writer(parts, strict, secret), parts)
            if secret is None or strict.query_params or (key is not None and not 0 < len(key) <= MAX_ID_LENGTH):
                return await usual(strict)
            who = await _writer(parts, strict, secret)
            body = await _body(strict)
            if body is None:
                return await usual(strict)
            answer = await submit(body, who, parts, key, *map(strict.headers.get, CONTEXT))
            return Response(answer.model_dump_json(), status, media_type=JSON)

        return handle


def _services(request: Request) -> Services:
    parts: Services = request.app.state.services
    return parts


async def _writer(parts: Services, request: Request, secret: str) -> Caller:
    """Return who asks. Raises as the dependency ``WorkflowWriter`` does."""
    who = await admitted(parts, request, secret, request.headers.get("x-org-id"))
    WRITER.check(who)
    return who


async def _body(request: StrictJsonRequest) -> SubmitRun | None:
    """Return the submission, or ``None`` if the body is invalid."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return None
    try:
        return SubmitRun.model_validate(await request.json())
    except (ValidationError, HTTPException):
        return None
