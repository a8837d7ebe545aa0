"""A strict receiver of Grafana Live's pushes, for tests and measurements: it takes what Grafana takes and no more.

It refuses a wrong path (404), a missing or wrong token (401) and lines that are not of the protocol (400), each with a
reason, and keeps what it took. It can also hang, or answer with an error, as a Grafana that is slow or down would.
"""

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

_NAME = re.compile(r"(?:[^,= \\\n]|\\[,= \\])+")
_FIELD = re.compile(r"([a-z_]+)=(-?\d+(?:\.\d+)?)(i?)(?:,|$)")
_TIME = re.compile(r"\d{19}")
_ESCAPE = re.compile(r"\\([,= ])")


class Taken(NamedTuple):
    """One line: what was measured, of whom, when in nanoseconds."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, str]
    at_ns: int


class BadLine(ValueError):
    """A line is not of the protocol."""


def parsed(line: str) -> Taken:
    """Return what a line says. Raises ``BadLine``."""
    parts = re.split(r"(?<!\\) ", line)
    if len(parts) != 3:
        raise BadLine(f"a line has three parts, not {len(parts)}: {line!r}")
    key, fields, at = parts
    measurement, *pairs = re.split(r"(?<!\\),", key)
    if not _NAME.fullmatch(measurement):
        raise BadLine(f"no measurement: {line!r}")
    tags: dict[str, str] = {}
    for pair in pairs:
        name, *value = re.split(r"(?<!\\)=", pair)
        if len(value) != 1 or not _NAME.fullmatch(name) or not _NAME.fullmatch(value[0]) or name in tags:
            raise BadLine(f"no tag: {pair!r}")
        tags[name] = _ESCAPE.sub(r"\1", value[0])
    found = list(_FIELD.finditer(fields))
    if not found or "".join(one[0] for one in found) != fields or fields.endswith(","):
        raise BadLine(f"no fields: {fields!r}")
    if not _TIME.fullmatch(at):
        raise BadLine(f"no time in nanoseconds: {at!r}")
    return Taken(_ESCAPE.sub(r"\1", measurement), tags, {one[1]: one[2] + one[3] for one in found}, int(at))


@dataclass
class Receiver:
    """The server; a context manager. ``status`` answers every push with it, ``hang`` answers none until the end."""

    token: str = "token"  # noqa: S105 - of tests
    stream: str = "agentflow"
    status: int = 200
    hang: bool = False
    lines: list[Taken] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Receiver":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, str]:
        """Return the status and the reason of the answer to a push, and keep its lines."""
        self.asked += 1
        if self.hang:
            self._over.wait()
        if path != f"/api/live/push/{self.stream}":
            return self._refuse(404, "Not found")
        if authorization != f"Bearer {self.token}":
            return self._refuse(401, "Unauthorized")
        if self.status != 200:
            return self._refuse(self.status, "told to")
        try:
            text = body.decode("utf-8")
            if not text.endswith("\n"):
                raise BadLine("the last line has no end")
            lines = [parsed(line) for line in text[:-1].split("\n")]
        except ValueError as exc:
            return self._refuse(400, str(exc))
        self.bodies.append(body)
        self.lines += lines
        return 200, "{}"

    def _refuse(self, status: int, why: str) -> tuple[int, str]:
        self.refused.append(f"{status}: {why}")
        return status, why

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, text = receiver.answer(self.path, self.headers.get("Authorization") or "", body)
                said = text.encode()
                with suppress(ConnectionError):  # who did not wait for the answer is gone
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Say nothing."""

        return Handler
