"""The choices of routes that are on the spans of calls."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.clickhouse.client import ClickHouse

_CHOICES = """
SELECT any(parent_span_id) AS parent, JSONExtractRaw(argMax(attributes, _offset), 'agentflow.route') AS choice
FROM trace_spans
WHERE org_id = {org:String} AND trace_id = {trace:String} AND has({parents:Array(String)}, parent_span_id)
GROUP BY span_id
HAVING choice != ''
ORDER BY min(started_at)
"""

_TRIES = """
SELECT argMax(parent_span_id, _offset) AS parent, argMax(attributes, _offset) AS last,
       argMax(status, _offset) AS status, argMax(duration_ms, _offset) AS latency_ms,
       argMax(concat(provider, '/', model), _offset) AS route, argMax(error_code, _offset) AS error,
       argMax(cost_nano, _offset) AS cost
FROM trace_spans
WHERE org_id = {org:String} AND trace_id = {trace:String} AND has({parents:Array(String)}, parent_span_id)
GROUP BY span_id
HAVING JSONHas(last, 'agentflow.route') OR JSONHas(last, 'agentflow.try')
ORDER BY min(started_at)
"""


class TrySpan(NamedTuple):
    """The span of one try of a routed call. ``attributes`` are JSON, ``latency_ms`` is how long it took."""

    parent: str
    attributes: str
    status: str
    latency_ms: float
    route: str
    error: str
    cost_nano: int


class RouteSpans:
    """Reads spans. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def choices(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[tuple[str, str]]:
        """Return the parent's span id and the choice as JSON, of all routed calls below these spans, oldest first."""
        rows = await self._clickhouse.query(_CHOICES, {"org": org_id, "trace": trace_id, "parents": list(parents)})
        return [(str(parent), str(choice)) for parent, choice in rows]

    async def tries(self, org_id: str, trace_id: str, parents: Sequence[str]) -> list[TrySpan]:
        """Return all routed calls below these spans, oldest first."""
        rows = await self._clickhouse.query(_TRIES, {"org": org_id, "trace": trace_id, "parents": list(parents)})
        return [
            TrySpan(str(parent), str(last), str(status), float(str(ms)), str(route), str(error), int(str(cost)))
            for parent, last, status, ms, route, error, cost in rows
        ]
