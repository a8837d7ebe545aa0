"""The ``local`` models as their own HTTP process: ``python -m connectors.providers.local.server --port 0``.

It speaks OpenAI's chat completions, so the ``openai`` provider and real SDKs can talk to it, and it counts
the calls it gets. Its first line on stdout is JSON, ``{"url", "port", "pid"}``. SIGTERM and SIGINT end it
with code 0.

====  =====================  ==========================================================================
POST  /v1/chat/completions   a chat completion; ``Idempotency-Key`` names the call (the body's hash if absent)
POST  /v1/embeddings         vectors of ``local-embed``
GET   /v1/models             the models
GET   /calls                 ``{"total", "repeated", "by_key": {key: calls}, "by_status": {status: answers}}``
POST  /calls/reset           forget the calls counted
GET   /billed                ``{"by_key": {key: [[input tokens, output tokens] of each answer]}}``
GET   /behaviour             the behaviour now
POST  /behaviour             change fields of ``LocalBehaviour``, from the next call on
GET   /health                200
====  =====================  ==========================================================================
"""

import argparse
import asyncio
import hmac
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from typing import Any

import uvicorn

from connectors.providers.local import model as local_model
from connectors.providers.local.behaviour import ATTEMPT_HEADER, LocalBehaviour, RateGate, fate_key
from connectors.providers.local.provider import LocalProvider, answer_body, answer_chunks, faulty, rate_limited
from connectors.providers.local.server_requests import asked, embedding_request, object_of, seen_in
from schemas.errors import InvalidInput, StepError

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_MAX_BODY = 32 * 1024 * 1024
#: A call that "never" gets an answer is let go after this long, so that a stopped test leaves nothing behind.
_NEVER_S = 600.0
_STATUS = {"rate_limited": 429, "provider_unavailable": 503, "provider_error": 500}


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class _Calls:
    """The calls so far. One is counted when it has come in whole, before its fate is decided."""

    def __init__(self) -> None:
        self.by_key: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.billed: dict[str, list[tuple[int, int]]] = {}

    def bill(self, key: str, input_tokens: int, output_tokens: int) -> None:
        """Note what an answer is worth. It was made, whether or not anybody still listens."""
        self.billed.setdefault(key, []).append((input_tokens, output_tokens))

    def summary(self) -> dict[str, Any]:
        total = self.by_key.total()
        return {
            "total": total,
            "repeated": total - len(self.by_key),
            "by_key": dict(self.by_key),
            "by_status": {str(status): n for status, n in sorted(self.by_status.items())},
        }


class LocalServer:
    """The ASGI application. With ``api_key`` it wants it as a bearer token on ``/v1``."""

    def __init__(self, behaviour: LocalBehaviour, api_key: str = "") -> None:
        self._behaviour = behaviour
        self._api_key = api_key
        self._models = LocalProvider(behaviour)
        self._gate = RateGate(time.monotonic)
        self._calls = _Calls()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            reply = await self._reply(scope["method"], scope["path"], headers, await _body(receive))
        except StepError as exc:
            reply = _refusal(400, exc.code, str(exc))
        except (ValueError, InvalidInput) as exc:
            reply = _refusal(400, "invalid_request", str(exc))
        await _answer(send, reply)

    async def _reply(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Reply:
        if path.startswith("/v1/"):
            return await self._v1(method, path, headers, body)
        match method, path:
            case "GET", "/calls":
                return _json(self._calls.summary())
            case "POST", "/calls/reset":
                self._calls = _Calls()
                return _json(self._calls.summary())
            case "GET", "/billed":
                return _json({"by_key": self._calls.billed})
            case "GET", "/behaviour":
                return _json(asdict(self._behaviour))
            case "POST", "/behaviour":
                return self._behave(object_of(body))
            case "GET", "/health":
                return _json({"status": "ok"})
        return _refusal(404, "not_found", f"there is no {method} {path} here")

    async def _v1(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Reply:
        if not self._may(headers):
            return _refusal(401, "invalid_api_key", "no or a wrong API key")
        match method, path:
            case "POST", "/v1/chat/completions":
                reply = await self._complete(headers, body)
                self._calls.by_status[reply.status] += 1
                return reply
            case "POST", "/v1/embeddings":
                return await self._embed(object_of(body))
            case "GET", "/v1/models":
                return _json({"object": "list", "data": [_model(name) for name in local_model.MODELS]})
        return _refusal(404, "not_found", f"there is no {method} {path} here")

    async def _embed(self, body: dict[str, Any]) -> _Reply:
        request = embedding_request(body)
        answer = await self._models.embed(request)
        tokens = answer.usage.input_tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return _json({"object": "list", "data": _rows(answer.vectors), "model": request.model, "usage": usage})

    def _may(self, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").encode()
        return not self._api_key or hmac.compare_digest(given, f"Bearer {self._api_key}".encode())

    def _behave(self, changes: dict[str, Any]) -> _Reply:
        self._behaviour = self._models.behaviour = self._behaviour.changed(changes)
        return _json(asdict(self._behaviour))

    async def _complete(self, headers: dict[str, str], body: bytes) -> _Reply:
        """Count the call, then let its key and the behaviour decide what becomes of it."""
        key = headers.get("idempotency-key") or f"body-{sha256(body).hexdigest()[:32]}"
        self._calls.by_key[key] += 1
        behaviour = self._behaviour
        wait_ms = self._gate.wait_ms(behaviour.rate_limit_per_s)
        if wait_ms:
            return _failure(rate_limited(behaviour.rate_limit_per_s, wait_ms))
        attempt = headers.get(ATTEMPT_HEADER.lower(), "0")
        fate = fate_key(key, int(attempt) if attempt.isdecimal() else 0)
        await asyncio.sleep(behaviour.delay_s(fate))
        fault = behaviour.fault(fate)
        if fault == "garbage":
            return _Reply(200, b'{"choices": [{"mess')
        if fault == "timeout":
            await asyncio.sleep(_NEVER_S)
        if fault is not None:
            return _failure(faulty(fault))
        request = object_of(body)
        model, texts, max_tokens = asked(request)
        seen = await asyncio.to_thread(seen_in, request["messages"])
        if request.get("tools"):
            turns = sum(message.get("role") == "assistant" for message in request["messages"])
            answer, calls = await self._models.converse(model, texts, turns, max_tokens, seen)
        else:
            answer, calls = await self._models.answer(model, "\n\n".join(texts), max_tokens, seen), ()
        self._calls.bill(key, answer.input_tokens, answer.output_tokens)
        said = answer_body(model, key, answer, calls)
        return _events(said, request) if request.get("stream") else _json(said)


def _rows(vectors: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": at, "embedding": list(one)} for at, one in enumerate(vectors)]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "agentflow"}


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> _Reply:
    return _Reply(status, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), headers or {})


def _events(answer: dict[str, Any], request: dict[str, Any]) -> _Reply:
    options = request.get("stream_options")
    wanted = isinstance(options, dict) and bool(options.get("include_usage"))
    chunks = [json.dumps(chunk, ensure_ascii=False) for chunk in answer_chunks(answer, with_usage=wanted)]
    body = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"])
    return _Reply(200, body.encode("utf-8", "replace"), {"content-type": "text/event-stream"})


def _refusal(status: int, code: str, message: str) -> _Reply:
    return _json({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status)


def _failure(error: StepError) -> _Reply:
    headers: dict[str, str] = {}
    if error.retry_after_ms is not None:
        headers["retry-after-ms"] = str(error.retry_after_ms)
        headers["retry-after"] = str(-(-error.retry_after_ms // 1000))
    body = {"error": {"message": str(error), "type": "server_error", "code": error.code}}
    return _json(body, _STATUS.get(error.code, 503), headers)


async def _body(receive: _Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_BODY:
            raise InvalidInput(f"the body is over {_MAX_BODY} bytes")
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: _Send, reply: _Reply) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(reply.body))} | reply.headers
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    await send({"type": "http.response.body", "body": reply.body})


class _Server(uvicorn.Server):
    """A server that says where it is once it listens, and ends with code 0 after a signal."""

    def __init__(self, config: uvicorn.Config, where: dict[str, Any]) -> None:
        super().__init__(config)
        self._where = where

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(json.dumps(self._where), flush=True)  # noqa: T201 - the caller waits for this line

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take signals for a wish to end; uvicorn would raise them again afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve(host: str, port: int, app: LocalServer) -> None:
    """Serve until SIGTERM or SIGINT. ``port`` 0 takes a free one."""
    listening = socket.create_server((host, port), backlog=512)
    chosen: int = listening.getsockname()[1]
    # asyncio leaves Nagle's algorithm on for sockets made this way, and each answer would wait 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_level="warning",
        # Calls may hang on purpose; nobody should wait for them at the end.
        timeout_graceful_shutdown=1,
    )
    where = {"url": f"http://{host}:{chosen}", "port": chosen, "pid": os.getpid()}
    with listening:
        asyncio.run(_Server(config, where).serve(sockets=[listening]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server from the command line."""
    parser = argparse.ArgumentParser(prog="python -m connectors.providers.local.server", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--api-key", default="", help="the bearer token that /v1 wants")
    for option in fields(LocalBehaviour):
        flag = f"--{option.name.replace('_', '-')}"
        if option.name == "echo":
            parser.add_argument(flag, action="store_true", help="answer every model with the test model's text")
        else:
            parser.add_argument(flag, type=type(option.default), default=option.default)
    args = parser.parse_args(argv)
    try:
        behaviour = LocalBehaviour(**{option.name: getattr(args, option.name) for option in fields(LocalBehaviour)})
    except ValueError as exc:
        parser.error(str(exc))
    serve(args.host, args.port, LocalServer(behaviour, args.api_key))
    return 0


if __name__ == "__main__":
    sys.exit(main())
