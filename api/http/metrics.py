"""The API's own metrics: requests by route and status, their time, and submissions under way."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.concurrency_limit import Bound

#: From a cached read to the longest wait for a dependency.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Measures:
    """One registry an app, so that two apps in one process do not mix."""

    def __init__(self, submissions: Bound, streams: Bound) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "api_requests_total",
            "HTTP requests, by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "api_request_seconds", "Time to answer.", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        under_way = Gauge("api_submissions_under_way", "Submissions under way.", registry=self.registry)
        under_way.set_function(lambda: submissions.under_way)
        open_streams = Gauge("api_event_streams", "Event streams that are open.", registry=self.registry)
        open_streams.set_function(lambda: streams.under_way)


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
            self._measures.seconds.labels(route).observe(time.perf_counter() - started)
