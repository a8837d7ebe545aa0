"""A local server that speaks the wire of one provider: it checks what arrives and answers what a test scripts."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.http_app import served_app

KEY = "secret-key-of-a-test"


@dataclass(frozen=True)
class Reply:
    """One answer. A ``body`` that is no text is sent as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Speech:
    """How a provider is addressed: the header with the key, other headers it requires, and its error bodies."""

    auth: tuple[str, str]
    required: Mapping[str, str]
    base_path: str

    def error(self, status: int, message: str) -> Any:
        """Return an error as this provider writes it."""
        if self.auth[0] == "x-api-key":
            return {"type": "error", "error": {"type": "an_error", "message": message}, "request_id": "req_1"}
        if self.auth[0] == "x-goog-api-key":
            return {"error": {"code": status, "message": message, "status": "AN_ERROR"}}
        return {"message": message} if self.base_path == "/v2" else {"error": {"message": message, "type": "an_error"}}


SPEECHES = {
    "openai": Speech(("authorization", f"Bearer {KEY}"), {}, "/v1"),
    "responses": Speech(("authorization", f"Bearer {KEY}"), {}, "/v1"),
    "compatible": Speech(("authorization", f"Bearer {KEY}"), {}, "/v1"),
    "anthropic": Speech(("x-api-key", KEY), {"anthropic-version": "2023-06-01"}, "/v1"),
    "google": Speech(("x-goog-api-key", KEY), {}, "/v1beta"),
    "cohere": Speech(("authorization", f"Bearer {KEY}"), {}, "/v2"),
}


class WireServer:
    """Answers every authorized request with ``reply``, and keeps the paths, headers and bodies it got."""

    def __init__(self, provider: str, reply: Reply) -> None:
        self.speech = SPEECHES[provider]
        self.reply = reply
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        self.ports: list[int] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        name, value = self.speech.auth
        body = json.loads(await request.read())
        if request.transport is not None:
            self.ports.append(request.transport.get_extra_info("peername")[1])
        self.requests.append((request.raw_path, request.headers, body))
        if request.headers.get(name) != value:
            return self._refused(401, "the key is wrong")
        wrong = [name for name, value in self.speech.required.items() if request.headers.get(name) != value]
        if wrong or request.content_type != "application/json":
            return self._refused(400, f"missing or wrong: {wrong or 'content-type'}")
        reply = self.reply
        headers = {"Content-Type": "application/json"} | dict(reply.headers)
        return web.Response(body=reply.data, status=reply.status, headers=headers)

    def _refused(self, status: int, message: str) -> web.Response:
        return web.json_response(self.speech.error(status, message), status=status)


@asynccontextmanager
async def wire_server(provider: str, reply: Reply) -> AsyncIterator[WireServer]:
    """Run a server on a free port."""
    server = WireServer(provider, reply)
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    async with served_app(app) as url:
        server.url = f"{url}{server.speech.base_path}"
        yield server
