"""The API's own metrics: requests by route and status, their time, and submissions in progress."""

import time

from prometheus_client import CollectorRegistry, ProcessCollector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.concurrency_limit import Bound
from connectors.prometheus.families import counter, gauge, histogram
from connectors.prometheus.network import NetworkCollector
from schemas.ids import trace_of
from schemas.metrics import (
    API_EVENT_STREAMS,
    API_REQUEST_SECONDS,
    API_REQUESTS_TOTAL,
    API_SUBMISSIONS_IN_FLIGHT,
    API_UNCOUNTED_REQUESTS_TOTAL,
)


class Measures:
    """One registry an app, so that two apps in one process do not mix."""

    def __init__(self, submissions: Bound, streams: Bound) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(NetworkCollector())
        self.requests = counter(API_REQUESTS_TOTAL, self.registry)
        self.seconds = histogram(API_REQUEST_SECONDS, self.registry)
        self.uncounted = counter(API_UNCOUNTED_REQUESTS_TOTAL, self.registry)
        gauge(API_SUBMISSIONS_IN_FLIGHT, self.registry).set_function(lambda: submissions.under_way)
        gauge(API_EVENT_STREAMS, self.registry).set_function(lambda: streams.under_way)


class Measure:
    """Counts and times every request. A path without a route counts as ``none``, so labels stay few."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._measures.requests.labels(scope["method"], route, str(status)).inc()
            trace = trace_of(Headers(scope=scope).get("traceparent"))
            exemplar = {"trace_id": trace} if trace else None
            self._measures.seconds.labels(route).observe(time.perf_counter() - started, exemplar)
