"""A strict receiver of OTLP over HTTP and gRPC: it keeps what it gets, and says everything that is wrong with it.

It runs in a thread of its own, can go down and come back at the same port, and answers by a script where one is given.
"""

import gzip
import json
import socket
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from connectors.otlp.rpc_status import RpcCode, status_protobuf

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOOPBACK = "127.0.0.1"
_OPERATIONS = frozenset(
    {"chat", "embeddings", "execute_tool", "invoke_agent", "invoke_workflow", "generate_content", "text_completion"}
)
_KINDS = frozenset({"CHAIN", "AGENT", "TOOL", "LLM", "RETRIEVER", "EMBEDDING", "GUARDRAIL", "EVALUATOR", "RERANKER"})


@dataclass
class Scripted:
    """One answer: a status of HTTP (or a code of gRPC), with headers, or a partial success; after ``delay_s``."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    code: str = ""
    delay_s: float = 0.0


@dataclass
class Received:
    """What came, and its faults. ``doubled`` are spans that came again, ``changed`` those that then were others."""

    spans: dict[tuple[str, str], Any] = field(default_factory=dict)
    resources: list[dict[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    requests: int = 0
    doubled: int = 0
    changed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> None:
        """Keep a request's spans."""
        with self.lock:
            self.requests += 1
            try:
                request = ExportTraceServiceRequest.FromString(body)
            except DecodeError as exc:
                self.faults.append(f"no request: {exc}")
                return
            for group in request.resource_spans:
                self.resources.append({one.key: one.value.string_value for one in group.resource.attributes})
                for scope in group.scope_spans:
                    self._take(list(scope.spans))

    def _take(self, spans: list[Any]) -> None:
        places = {span.span_id: at for at, span in enumerate(spans)}
        for at, span in enumerate(spans):
            self.faults += _faults(span)
            if places.get(span.parent_span_id, -1) > at:
                self.faults.append(f"{span.name}: it stands before its parent")
            key = span.trace_id.hex(), span.span_id.hex()
            if key in self.spans:
                self.doubled += 1
                self.changed += span.SerializeToString() != self.spans[key].SerializeToString()
            self.spans[key] = span

    def names(self) -> Counter[str]:
        """Return how many spans of each name there are."""
        return Counter(span.name for span in self.spans.values())

    def tree_faults(self) -> list[str]:
        """Return what is wrong with the traces as a whole, once everything came: orphans, several roots."""
        roots = Counter(trace for (trace, _), span in self.spans.items() if not span.parent_span_id)
        traces = {trace for trace, _ in self.spans}
        found = [f"trace {trace} has {roots[trace]} roots" for trace in sorted(traces) if roots[trace] != 1]
        for (trace, _), span in self.spans.items():
            if span.parent_span_id and (trace, span.parent_span_id.hex()) not in self.spans:
                found.append(f"{span.name}: its parent is not in the trace")
        return found


def attributes_of(span: Any) -> dict[str, Any]:
    """Return a span's attributes: scalars, and lists of texts."""
    found: dict[str, Any] = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind) if kind else None
        found[pair.key] = [one.string_value for one in value.values] if kind == "array_value" and value else value
    return found


def _faults(span: Any) -> list[str]:
    attributes = attributes_of(span)
    rules = (
        (len(span.trace_id) == 16 and any(span.trace_id), "its trace id is not 16 bytes"),
        (len(span.span_id) == 8 and any(span.span_id), "its span id is not 8 bytes"),
        (len(span.parent_span_id) in {0, 8}, "its parent's id is neither empty nor 8 bytes"),
        (span.parent_span_id != span.span_id, "it is its own parent"),
        (bool(span.name), "it has no name"),
        (0 < span.start_time_unix_nano <= span.end_time_unix_nano, "its times are in no order"),
        (1 <= span.kind <= 5, f"its kind {span.kind} is unknown"),
        (0 <= span.status.code <= 2, f"its status {span.status.code} is unknown"),
        (attributes.get("openinference.span.kind", "CHAIN") in _KINDS, "its kind of OpenInference is unknown"),
        (attributes.get("gen_ai.operation.name", "chat") in _OPERATIONS, "its operation is unknown"),
        (len(attributes) == len(span.attributes), "an attribute is there twice"),
        (all(name and value is not None for name, value in attributes.items()), "an attribute has no name or value"),
        (all(len(link.trace_id) == 16 and len(link.span_id) == 8 for link in span.links), "a link has a wrong id"),
    )
    return [f"{span.name}: {fault}" for holds, fault in rules if not holds]


class StrictReceiver:
    """Serves over HTTP, or over gRPC with ``grpc=True``, from ``__enter__`` to ``__exit__``."""

    def __init__(self, *, grpc: bool = False, headers: dict[str, str] | None = None) -> None:
        self.received = Received()
        self.script: deque[Scripted] = deque()
        self.headers = headers or {}
        self._grpc = grpc
        self._port = 0
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        """The receiver's URL."""
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> "StrictReceiver":
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        """Serve, at the same port as before."""
        self._server = _grpc_server(self, self._port) if self._grpc else _HttpServer(self, self._port)
        self._port = self._server.port

    def down(self) -> None:
        """Serve nothing: connections are refused."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def answer(self, body: bytes) -> tuple[Scripted, bytes]:
        """Return the answer to a request, and its body."""
        scripted = self.script.popleft() if self.script else Scripted()
        if scripted.status != 200 or scripted.code:
            return scripted, status_protobuf(RpcCode.UNAVAILABLE, "scripted")
        self.received.take(body)
        time.sleep(scripted.delay_s)
        answer = ExportTraceServiceResponse()
        if scripted.rejected:
            partial = ExportTracePartialSuccess(rejected_spans=scripted.rejected, error_message="scripted")
            answer.partial_success.CopyFrom(partial)
        return scripted, answer.SerializeToString()

    def missing(self, headers: dict[str, str]) -> list[str]:
        """Return the headers that a request should have and has not, with these values."""
        return [name for name, value in self.headers.items() if headers.get(name.lower()) != value]


class _HttpServer:
    def __init__(self, receiver: StrictReceiver, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                named = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(named.get("content-length", "0")))
                self._answer(*_http_answer(receiver, self.path, named, body))

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in ({"Content-Type": "application/x-protobuf"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            connections: set[Any] = set()

            def process_request(self, request: Any, client_address: Any) -> None:
                self.connections.add(request)
                super().process_request(request, client_address)

        self._server = Server((LOOPBACK, port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.connections):
            # Its thread would still answer what comes on a connection that is kept alive.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._server.connections.clear()
        self._thread.join(5)


def _http_answer(
    receiver: StrictReceiver, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    if path != "/v1/traces" or headers.get("content-type") != "application/x-protobuf":
        receiver.received.faults.append(f"a request to {path} of type {headers.get('content-type')}")
        return 404, {}, b""
    if receiver.missing(headers):
        return 401, {}, status_protobuf(RpcCode.UNAUTHENTICATED, "no such key")
    plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    scripted, answer = receiver.answer(plain)
    return scripted.status, scripted.headers, answer


class _Grpc:
    def __init__(self, server: Any, port: int, pool: ThreadPoolExecutor) -> None:
        self._server = server
        self._pool = pool
        self.port = port

    def end(self) -> None:
        self._server.stop(0).wait(5)
        self._pool.shutdown(wait=True)


def _grpc_server(receiver: StrictReceiver, port: int) -> _Grpc:
    import grpc

    def export(body: bytes, context: Any) -> bytes:
        metadata = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
        if receiver.missing(metadata):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such key")
        scripted, answer = receiver.answer(body)
        if scripted.code:
            if details := scripted.headers.get("details"):
                context.set_trailing_metadata((("grpc-status-details-bin", bytes(json.loads(details))),))
            context.abort(getattr(grpc.StatusCode, scripted.code), "scripted")
        return answer

    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 8 * 1024 * 1024)])
    service, method = METHOD[1:].split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    bound = server.add_insecure_port(f"{LOOPBACK}:{port}")
    server.start()
    return _Grpc(server, bound, pool)
