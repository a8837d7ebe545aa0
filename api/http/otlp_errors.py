"""Errors of OTLP's paths, as its clients read them: ``google.rpc.Status`` in the encoding of the request.

All errors are made as problem details first, wherever they arise, and rewritten here, so that there is one place for
each of both. Only 400 means data that cannot be read, and only 429 and 503 that the request may be sent again.
"""

from collections.abc import Mapping

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.otlp.rpc_status import code_of, status_json, status_protobuf
from schemas.api_models.problem import MEDIA_TYPE

#: What exporters append to their endpoint, at the root and below the API's own prefix.
PATHS = ("/v1/traces", "/api/v1/otlp/v1/traces")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: Statuses that the protocol does not know, and what they mean there.
_STATUSES: Mapping[int, int] = {408: 503, 409: 503, 422: 400}
_REPLACED = frozenset({b"content-type", b"content-length"})
_ERROR = 400


class OtlpErrors:
    """Rewrites the problems of OTLP's paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        rewriting = _Rewriting(send, as_json=_header(scope["headers"], b"content-type").startswith(JSON))
        await self._app(scope, receive, rewriting.send)


class _Rewriting:
    """Holds a problem back until its body is there."""

    def __init__(self, send: Send, *, as_json: bool) -> None:
        self._send = send
        self._as_json = as_json
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass on what is no problem."""
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._answer(self._start)

    async def _answer(self, start: Message) -> None:
        status = _STATUSES.get(start["status"], start["status"])
        detail = str(orjson.loads(self._body).get("detail", ""))
        make, kind = (status_json, JSON) if self._as_json else (status_protobuf, PROTOBUF)
        body = make(code_of(status), detail)
        headers = [pair for pair in start["headers"] if pair[0].lower() not in _REPLACED]
        headers += [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(message: Message) -> bool:
    kind = _header(message.get("headers", ()), b"content-type")
    return bool(message["status"] >= _ERROR) and kind.startswith(MEDIA_TYPE)


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1").strip().lower() for key, value in headers if key.lower() == name), "")
