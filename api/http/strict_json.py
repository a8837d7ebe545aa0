"""Request bodies as strict JSON: no NaN, no nesting that could not be written again, no number that is lost."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schemas.errors import Undecodable
from topics.codec import parse


class StrictJsonRequest(Request):
    """A request whose JSON is read by the codec of the records, so that what is taken can be written."""

    async def json(self) -> Any:
        """Return the body. Raises 400 for what is not strict JSON."""
        try:
            return parse(await self.body())
        except Undecodable as exc:
            raise HTTPException(400, f"the body is not usable: {exc}") from exc


class StrictJsonRoute(APIRoute):
    """A route that reads its body by ``StrictJsonRequest``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the request's JSON made strict."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            # One that was looked at already has its body, which comes only once.
            ours = isinstance(request, StrictJsonRequest)
            return await handler(request if ours else StrictJsonRequest(request.scope, request.receive))

        return strict
