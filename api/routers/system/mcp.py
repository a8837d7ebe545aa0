"""`/mcp`: AgentFlow as an MCP server over streamable HTTP, where `API_MCP` is set.

It has no sessions: each request has all that it needs, so any process of the API answers it. GET offers no stream, and
there is nothing to DELETE.
"""

from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Request, Response

from api.dependencies import Anyone, Parts
from api.http.sse import EventStream
from api.mcp.serving import events, messages
from schemas.errors import Forbidden
from schemas.mcp.protocol import (
    INVALID_REQUEST,
    UNSUPPORTED_VERSION,
    VERSION_HEADER,
    Message,
    RpcError,
    check_version,
    error_answer,
    read_message,
)

PATH = "/mcp"

router = APIRouter(include_in_schema=False)


@router.post(PATH)
async def serve_mcp(request: Request, _: Anyone, parts: Parts) -> Response:
    """Answer one message of a client. A call of a tool is answered by a stream, if the client takes one."""
    _check_origin(request)
    try:
        check_version(request.headers.get(VERSION_HEADER))
        message = read_message(await request.body())
        if message is not None and message.version is not None:
            _check_header(request, message.version)
    except RpcError as exc:
        return _json(error_answer(None, exc), 400)
    if message is None or message.id is None:
        return Response(status_code=202)
    if message.method == "tools/call" and "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(lambda: events(request.app, message, request.headers), parts.runs.streams.bound)
    async for one in messages(request.app, message, request.headers):
        if "id" in one:
            return _json(one, 400 if one.get("error", {}).get("code") == UNSUPPORTED_VERSION else 200)
    return Response(status_code=202)


def _check_origin(request: Request) -> None:
    """Refuse pages of other sites: a browser sends their origin. Raises ``Forbidden``."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("pages of other sites may not use /mcp; call it from a program, without the header Origin")


def _check_header(request: Request, version: str) -> None:
    named = request.headers.get(VERSION_HEADER)
    if named is not None and named != version:
        raise RpcError(INVALID_REQUEST, f"the header {VERSION_HEADER} names another version than the message")


def _json(message: Message, status: int) -> Response:
    return Response(orjson.dumps(message), status, media_type="application/json")
