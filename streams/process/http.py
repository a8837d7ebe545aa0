"""What a process of roles serves over HTTP, from a thread of its own: ``/metrics``, ``/ready`` and ``/health``."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from streams.process.dependencies import State
from streams.process.health import Health, ProgressView
from streams.process.stall_detector import ProgressWatch

Page = tuple[HTTPStatus, dict[str, Any]]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Scrapes and probes come every few seconds: they are no news."""


def serve(registry: CollectorRegistry, health: Health, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve in a thread; return the port taken and how to stop. ``port`` 0 takes a free one. Raises ``OSError``."""
    metrics = make_wsgi_app(registry)
    pages: dict[str, Callable[[], Page]] = {"/ready": lambda: ready(health), "/health": lambda: alive(health)}

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        if page is None:
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        status, body = page()
        start(f"{status.value} {status.phrase}", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [orjson.dumps(body)]

    server = make_server(host, port, app, ThreadingWSGIServer, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

    return server.server_port, stop


def alive(health: Health) -> Page:
    """Return 200 while the event loop turns; a supervisor restarts a process that has no life in it."""
    good = health.alive()
    body = {"alive": good, "event_loop_still_s": round(health.loop_still_s(), 1)}
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, body


def ready(health: Health) -> Page:
    """Return 200 when every role goes on with its work, else 503 with the reasons. What is degraded changes neither."""
    reasons = health.complaints()
    body = {
        "ready": not reasons,
        "reasons": reasons,
        "degraded": health.degraded(),
        "event_loop_still_s": round(health.loop_still_s(), 1),
        "dependencies": {state.name: _dependency(state) for state in health.dependencies.states()},
        "roles": {role: _role(view) for role, view in health.views().items()},
    }
    return HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, body


def _dependency(state: State) -> dict[str, Any]:
    if not state.waiting:
        return {"state": "answers"}
    since = datetime.fromtimestamp(state.since_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {"state": "waiting", "since": since, "why": state.why}


def _role(view: ProgressView) -> dict[str, Any]:
    partitions = {f"{topic}/{number}": _partition(one) for (topic, number), one in sorted(view.partitions.items())}
    return {"ready": not view.complaints, "reasons": list(view.complaints), "partitions": partitions}


def _partition(one: ProgressWatch) -> dict[str, Any]:
    sample = one.sample
    return {"status": sample.status, "lag": sample.lag, "still_s": round(one.still_s, 1), "why": sample.why}
