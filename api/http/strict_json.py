"""Request bodies as JSON values that the whole system takes, see docs/reference/values.md."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.acts import is_act, is_ruled, recorded, ruled
from api.http.bodies import refuse_not_utf8, refuse_unreadable
from api.http.problems import RefusedBody
from schemas.errors import BadValue, Undecodable
from schemas.values.json_text import read_json

_LIBRARY = "not JSON in UTF-8: "


class StrictJsonRequest(Request):
    """A request whose JSON is read by the gate for values."""

    async def json(self) -> Any:
        """Return the body. Raises 400 for no JSON and for too many levels, 422 for JSON that breaks another rule."""
        body = await self.body()
        refuse_not_utf8(body)
        try:
            return read_json(body)
        except BadValue as exc:
            raise RefusedBody(400 if exc.reason == "depth" else 422, exc.problem) from exc
        except Undecodable as exc:
            raise HTTPException(400, f"the body is not valid JSON: {str(exc).removeprefix(_LIBRARY)}") from exc


class StrictJsonRoute(APIRoute):
    """A route that reads its body with ``StrictJsonRequest``, and records what it does if it is an act."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if is_act(path, set(options.get("methods") or ())):
            endpoint = recorded(path, endpoint)
        elif is_ruled(path, set(options.get("methods") or ())):
            endpoint = ruled(path, endpoint)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with strict parsing of the request's JSON."""
        handler, field = super().get_route_handler(), self.body_field

        async def strict(request: Request) -> Response:
            # A request that was read already keeps its body, which arrives only once.
            ours = (
                request if isinstance(request, StrictJsonRequest) else StrictJsonRequest(request.scope, request.receive)
            )
            if field is not None:
                refuse_unreadable(ours, await ours.body(), required=bool(field.field_info.is_required()))
            return await handler(ours)

        return strict
