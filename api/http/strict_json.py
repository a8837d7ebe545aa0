"""Request bodies as strict JSON: no NaN, no nesting too deep to write again, no number that loses digits."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schemas.errors import Undecodable
from topics.codec import parse


class StrictJsonRequest(Request):
    """A request whose JSON is read by the codec of the records, so that every accepted body can be written."""

    async def json(self) -> Any:
        """Return the body. Raises 400 unless it is strict JSON."""
        try:
            return parse(await self.body())
        except Undecodable as exc:
            raise HTTPException(400, f"the body is invalid: {exc}") from exc


class StrictJsonRoute(APIRoute):
    """A route that reads its body with ``StrictJsonRequest``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with strict parsing of the request's JSON."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            # A request that was read already keeps its body, which arrives only once.
            ours = isinstance(request, StrictJsonRequest)
            return await handler(request if ours else StrictJsonRequest(request.scope, request.receive))

        return strict
