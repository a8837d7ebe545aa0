"""A small part of S3 on loopback: whole objects by path-style requests, as the protocol has them on the wire.

PUT, GET, HEAD and DELETE of an object, ETags as MD5, errors as XML. Signatures must be there and are not checked.
It can misbehave: ``fail_next`` answers so many requests with a status, ``lie`` announces another length than it sends.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.objects.s3 import S3Access

ACCESS_KEY, SECRET = "a-test-key", "a-test-secret"


class S3Server:
    """What the server has, and how it behaves."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.buckets = {"documents", "results", "private"}
        self.fail_next: list[int] = []
        self.lie: int | None = None
        self.port = 0

    @property
    def access(self) -> S3Access:
        """How a client reaches it."""
        return S3Access(f"http://127.0.0.1:{self.port}", "us-east-1", ACCESS_KEY, SECRET)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serve until the block ends."""
    state = S3Server()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(state: S3Server) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one method a verb
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
            pass

        def do_PUT(self) -> None:
            body = self._body()
            path = self._allowed()
            if path is not None:
                state.objects[path] = body
                self._answer(200, headers={"ETag": _etag(body)})

        def do_GET(self) -> None:
            self._read(with_body=True)

        def do_HEAD(self) -> None:
            self._read(with_body=False)

        def do_DELETE(self) -> None:
            path = self._allowed()
            if path is not None:
                state.objects.pop(path, None)
                self._answer(204)

        def _read(self, *, with_body: bool) -> None:
            path = self._allowed()
            if path is None:
                return
            data = state.objects.get(path)
            if data is None:
                self._error(404, "NoSuchKey")
                return
            headers = {"ETag": _etag(data), "Last-Modified": "Wed, 25 Nov 2026 17:00:00 GMT"}
            self._answer(200, data, headers, with_body=with_body, length=state.lie)

        def _allowed(self) -> str | None:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            state.requests.append((self.command, path))
            if state.fail_next:
                self._error(state.fail_next.pop(0), "SlowDown")
            elif f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
                self._error(403, "AccessDenied")
            elif path.partition("/")[0] not in state.buckets:
                self._error(404, "NoSuchBucket")
            else:
                return path
            return None

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _error(self, status: int, code: str) -> None:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
            self._answer(status, body.encode(), {"Content-Type": "application/xml"}, with_body=self.command != "HEAD")

        def _answer(
            self,
            status: int,
            body: bytes = b"",
            headers: dict[str, str] | None = None,
            *,
            with_body: bool = True,
            length: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            if length is not None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return Handler


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
