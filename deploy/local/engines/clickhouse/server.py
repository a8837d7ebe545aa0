"""A chdb data folder behind ClickHouse's HTTP protocol, on loopback: the subset that ordinary clients need.

Supported: queries in the URL, the body or a form; `param_x`; settings; FORMAT; inserts with data in any format and
compression; `/ping`; ClickHouse's headers and errors. Not supported: sessions (temporary tables), external data, and
compressed or streamed answers, which on loopback save nothing; a client that requests them accepts plain ones.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import importlib
import json
import os
import re
import signal
import socket
import ssl
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from deploy.local.engines.clickhouse.wire import (
    AUTHENTICATION_FAILED,
    SECRET_VARIABLE,
    STATUS_OF_ERROR,
    USER,
    BadRequestError,
    Request,
    error_code,
    parse_request,
    quote,
    quote_name,
)
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.tls.files import server_context

if TYPE_CHECKING:
    from chdb.state.sqlitelike import Connection

MAX_BODY_BYTES = 256 * 1024 * 1024
# Statements at once. The engine is thread-safe; more at once only multiply memory on a small machine.
MAX_CONCURRENT = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A result and its cost."""

    body: bytes
    rows_read: int = 0
    rows_written: int = 0
    elapsed_s: float = 0.0

    @property
    def summary(self) -> str:
        """The X-ClickHouse-Summary header."""
        rows = {
            "read_rows": self.rows_read,
            "written_rows": self.rows_written,
            "elapsed_ns": int(self.elapsed_s * 1e9),
        }
        return json.dumps({name: str(value) for name, value in rows.items()})


class Database:
    """The data folder. Each statement gets a connection of its own, so settings never leak (it costs 0.1 ms)."""

    def __init__(self, path: Path) -> None:
        self._url = f"{path}?max_threads={os.cpu_count() or 1}"
        # Typed here: what mypy makes of an untyped package must not depend on how it was installed.
        self._connect: Callable[[str], Any] = importlib.import_module("chdb").connect
        self._keeper = self._connect(self._url)  # holds the engine open between statements
        self._slots = threading.BoundedSemaphore(MAX_CONCURRENT)
        self.timezone = self._keeper.query("SELECT timezone()", "TabSeparatedRaw").bytes().decode().strip()

    def run(self, request: Request) -> Answer:
        """Execute one statement. Raises RuntimeError with ClickHouse's message."""
        with self._slots, self._connect(self._url) as conn:
            if request.database:
                conn.query(f"USE {quote_name(request.database)}")
            if request.settings:
                pairs = ", ".join(f"{quote_name(name)} = {quote(value)}" for name, value in request.settings.items())
                conn.query(f"SET {pairs}")
            insert = request.insert
            return self._insert(conn, *insert) if insert is not None else self._query(conn, request)

    def close(self) -> None:
        """Release the data folder."""
        self._keeper.close()

    def _insert(self, conn: Connection, statement: str, data_format: str, data: bytes) -> Answer:
        with conn.send_insert(statement, data_format) as stream:
            stream.append(data)
            done = stream.finish()
        return Answer(b"", rows_written=done.rows_written, elapsed_s=done.elapsed)

    def _query(self, conn: Connection, request: Request) -> Answer:
        result = conn.query(request.statement.decode(), request.default_format, params=dict(request.parameters))
        return Answer(result.bytes() or b"", result.rows_read(), result.rows_written(), result.elapsed())


class Handler(BaseHTTPRequestHandler):
    """One HTTP connection, kept alive between requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # without this, small answers on a kept connection wait 40 ms
    wbufsize = -1  # headers and body leave together

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are not logged; errors are answered."""

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self._read_body()
        if url.path in ("/ping", "/") and not url.query and not body:
            self._send(200, b"Ok.\n")
            return
        try:
            self._authenticate(url.query)
            request = parse_request(url.query, {name.title(): value for name, value in self.headers.items()}, body)
            answer = self.server.database.run(request)
        except (RuntimeError, BadRequestError, UnicodeDecodeError) as error:
            self._send_error(str(error))
            return
        headers = {"X-ClickHouse-Summary": answer.summary, "X-ClickHouse-Format": answered_format(request)}
        self._send(200, answer.body, headers)

    def _authenticate(self, url_query: str) -> None:
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            secret = base64.b64decode(credentials).decode().partition(":")[2]
        else:
            secret = self.headers.get("X-ClickHouse-Key") or parse_qs(url_query).get("password", [""])[0]
        if not hmac.compare_digest(secret.encode(), self.server.secret.encode()):
            raise BadRequestError(f"{USER}: wrong password. (AUTHENTICATION_FAILED)", AUTHENTICATION_FAILED)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)

    def _send_error(self, message: str) -> None:
        code = error_code(message)
        self._send(
            STATUS_OF_ERROR.get(code, 500),
            f"{message}\n".encode(),
            {"X-ClickHouse-Exception-Code": str(code)},
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        common = {
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Length": str(len(body)),
            "X-ClickHouse-Query-Id": parse_qs(urlsplit(self.path).query).get("query_id", [str(uuid.uuid4())])[0],
            "X-ClickHouse-Server-Display-Name": "agentflow-local",
            "X-ClickHouse-Timezone": self.server.database.timezone,
        }
        for name, value in {**common, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The listener; one thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, database: Database, secret: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self._tls = tls
        self.database = database
        self.secret = secret

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Its handshake is done by its own thread, so that a slow client keeps nobody."""
        conn, address = super().get_request()
        if self._tls is not None:
            conn = self._tls.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
        return conn, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave or refuse the certificate; all else is a defect."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def answered_format(request: Request) -> str:
    """The format named last in the statement, else the request's default."""
    match = re.search(rb"\bFORMAT\s+(\w+)[\s;]*$", request.statement[-200:], re.IGNORECASE)
    return match[1].decode() if match else request.default_format


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the data folder, owned by this process alone")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", type=Path, help="serve HTTPS with this certificate")
    parser.add_argument("--key", type=Path, help="its key")
    arguments = parser.parse_args()
    tls = server_context(arguments.cert, arguments.key) if arguments.cert else None
    server = Server(arguments.port, Database(arguments.path), os.environ.get(SECRET_VARIABLE, ""), tls)

    def stop(*_signal: object) -> None:
        # shutdown() waits for the serving loop, which this handler interrupts: it must run elsewhere.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.database.close()


if __name__ == "__main__":
    main()
