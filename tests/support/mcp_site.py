"""An MCP server over HTTP that a test controls: its tools, its answers, and what it was sent."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.support.http_app import served_app

SEARCH: dict[str, Any] = {
    "name": "search",
    "description": "Searches the documents.",
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    "outputSchema": {"type": "object", "required": ["hits"]},
}


@dataclass
class McpSite:
    """``streams`` answers by events. ``result`` makes the result of a call of its arguments and headers."""

    url: str = ""
    tools: list[dict[str, Any]] = field(default_factory=lambda: [dict(SEARCH)])
    streams: bool = False
    status: int = 200
    version: str = "2025-06-18"
    called: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    result: Callable[[dict[str, Any], dict[str, str]], dict[str, Any]] = lambda args, _: {
        "content": [{"type": "text", "text": f"found {args['query']}"}],
        "structuredContent": {"hits": [args["query"]]},
    }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one message."""
        message = orjson.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.headers.append(headers)
        if self.status != 200:
            return web.json_response({"error": {"message": f"no: {headers.get('x-key', '')}"}}, status=self.status)
        if "id" not in message:
            return web.Response(status=202)
        found = {"jsonrpc": "2.0", "id": message["id"], **self._of(message, headers)}
        sent = {"mcp-session-id": "s1"}
        if not self.streams:
            return web.json_response(found, headers=sent)
        note = orjson.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        body = b": hello\n\ndata: " + note + b"\n\nevent: message\ndata: " + orjson.dumps(found) + b"\n\n"
        return web.Response(body=body, content_type="text/event-stream", headers=sent)

    def _of(self, message: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        match message["method"]:
            case "initialize":
                return {"result": {"protocolVersion": self.version, "capabilities": {}, "serverInfo": {}}}
            case "tools/list":
                return {"result": {"tools": self.tools}}
            case "tools/call":
                self.called.append(message["params"])
                return {"result": self.result(message["params"]["arguments"], headers)}
        return {"error": {"code": -32601, "message": "no such method"}}


async def _echo(request: web.Request) -> web.Response:
    return web.json_response(dict(request.headers))


@asynccontextmanager
async def mcp_site(port: int = 0) -> AsyncIterator[McpSite]:
    """Serve until the block ends; `/echo` answers a request with its headers."""
    site = McpSite()
    app = web.Application()
    app.router.add_post("/mcp", site.answer)
    app.router.add_get("/echo", _echo)
    async with served_app(app, port) as url:
        site.url = f"{url}/mcp"
        yield site
