"""Finds traces and spans by what they were: in the table ``spans_by_time``, page by page.

A trace is found by its spans that began within the time. What is shown of it is exact and of all its spans: read again,
by its id, where each span is there once. ``trace_groups`` adds up what is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectors.clickhouse.client import ClickHouse, Parameters
from connectors.clickhouse.trace_filter import DURATION, MEASURES, OWN, STATE, VISIBLE, Sort, TraceFilter
from connectors.clickhouse.traces import IN_SCOPE, SpanScope

_TRACES = """
SELECT {key} AS sorted_by, trace_id
FROM spans_by_time FINAL
WHERE {visible} AND {of_records}
GROUP BY trace_id
HAVING {of_trace} AND {after}
ORDER BY sorted_by {order}, trace_id {order}
LIMIT {{limit:UInt32}}
"""
_MEASURES = """
SELECT trace_id, max(run_id), max(workflow_name), {measure} AS measure
FROM spans_by_time FINAL
WHERE {visible} AND {of_records}
GROUP BY trace_id
HAVING {of_trace} AND countIf(type = 'run') > 0
ORDER BY min(started_at) DESC
LIMIT {{limit:UInt32}}
"""
#: The newest row of a span counts. Of the few spans of a page that is found out faster here than by ``FINAL``, which
#: merges all rows of the granules that they are in.
_FIGURES = f"""
SELECT trace_id, max(run_id), max(workflow_name), {STATE} AS state,
       toUnixTimestamp64Nano(min(started_at)), toUnixTimestamp64Nano(max(ended_at)),
       sum(cost_nano), sum(input_tokens), sum(output_tokens), count(), countIf(type IN ('llm_call', 'embedding')),
       countIf(status = 'error'), argMinIf(error_code, (type != 'run', started_at), error_code != ''),
       arraySort(groupUniqArrayIf(10)(provider, provider != '')), arraySort(groupUniqArrayIf(10)(model, model != '')),
       max(session_id), max(user_id), argMax(tags, notEmpty(tags))
FROM (
    SELECT trace_id, span_id, parent_span_id, run_id, workflow_name, type, status, run_status, started_at, ended_at,
           cost_nano, input_tokens, output_tokens, error_code, provider, model, session_id, user_id, tags
    FROM trace_spans
    PREWHERE org_id = {{org:String}} AND trace_id IN {{traces:Array(String)}}
    ORDER BY _offset DESC
    LIMIT 1 BY trace_id, span_id
)
WHERE {IN_SCOPE}
GROUP BY trace_id
"""
_SPANS = f"""
SELECT {{key}} AS sorted_by, trace_id, span_id, run_id, workflow_name, type, name, step_id, attempt, status,
       toUnixTimestamp64Nano(started_at), {DURATION}, provider, model, cost_nano, input_tokens, output_tokens,
       error_code, session_id, user_id
FROM spans_by_time FINAL
WHERE {{visible}} AND {{of_records}} AND {{of_one}} AND {{after}}
ORDER BY {{first}} {{order}}, trace_id {{order}}, span_id {{order}}
LIMIT {{{{limit:UInt32}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """How a list is sorted, and after which entry its page begins: the measure and the id of that entry."""

    sort: Sort = "start"
    descending: bool = True
    limit: int = 100
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """A trace as lists show it. ``sorted_by`` is the measure of its spans within the time, by which the list is sorted.

    Times are nanoseconds since the epoch, money is nano-dollars.
    """

    trace_id: str
    sorted_by: int
    run_id: str
    workflow: str
    status: str
    start_ns: int
    end_ns: int
    cost_nano: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int
    error_code: str
    providers: list[str]
    models: list[str]
    session_id: str
    user_id: str
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLine:
    """A span as lists show it."""

    sorted_by: int
    trace_id: str
    span_id: str
    run_id: str
    workflow: str
    type: str
    name: str
    step_id: str
    attempt: int
    status: str
    start_ns: int
    duration_ns: int
    provider: str
    model: str
    cost_nano: int
    input_tokens: int
    output_tokens: int
    error_code: str
    session_id: str
    user_id: str


_TRACE_FIELDS = tuple(name for name in TraceLine.__slots__ if name != "sorted_by")


class TraceQueries:
    """Lists traces and spans of an organisation. Every method raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def traces(
        self, org_id: str, wanted: TraceFilter, ordering: Ordering
    ) -> tuple[list[TraceLine], tuple[int, str] | None]:
        """Return traces, and where the next page begins; ``None`` where there is none."""
        sql = _TRACES.format(
            key=MEASURES[ordering.sort],
            visible=VISIBLE,
            of_records=wanted.of_records(),
            of_trace=wanted.of_trace(),
            **_after(ordering, "trace_id"),
        )
        given = wanted.parameters(org_id) | _placed(ordering)
        rows = [(int(str(key)), str(trace)) for key, trace in await self._clickhouse.query(sql, given)]
        page = rows[: ordering.limit]
        lines = await self._lines(org_id, page, wanted.scope)
        return lines, page[-1] if len(rows) > ordering.limit else None

    async def measures(
        self, org_id: str, wanted: TraceFilter, of: Literal["cost", "duration"], most: int
    ) -> list[tuple[str, str, str, int]]:
        """Return trace, run, workflow and measure of the newest ``most`` traces of runs that have ended."""
        sql = _MEASURES.format(
            measure=MEASURES[of], visible=VISIBLE, of_records=wanted.of_records(), of_trace=wanted.of_trace()
        )
        rows = await self._clickhouse.query(sql, wanted.parameters(org_id) | {"limit": most})
        return [(str(trace), str(run), str(workflow), int(str(value))) for trace, run, workflow, value in rows]

    async def spans(
        self, org_id: str, wanted: TraceFilter, ordering: Ordering
    ) -> tuple[list[SpanLine], tuple[int, str] | None]:
        """Return spans, and where the next page begins; ``None`` where there is none."""
        sql = _SPANS.format(
            key=OWN[ordering.sort],
            first="started_at" if ordering.sort == "start" else "sorted_by",
            visible=VISIBLE,
            of_records=wanted.of_records(),
            of_one=wanted.of_one(),
            **_after(ordering, "concat(trace_id, span_id)"),
        )
        rows = await self._clickhouse.query(sql, wanted.parameters(org_id) | _placed(ordering))
        lines = [_span_line(row) for row in rows[: ordering.limit]]
        if len(rows) <= ordering.limit:
            return lines, None
        return lines, (lines[-1].sorted_by, lines[-1].trace_id + lines[-1].span_id)

    async def _lines(self, org_id: str, page: Sequence[tuple[int, str]], scope: SpanScope) -> list[TraceLine]:
        if not page:
            return []
        given: Parameters = {"org": org_id, "traces": [trace for _, trace in page], **scope.parameters}
        found = {str(row[0]): row for row in await self._clickhouse.query(_FIGURES, given)}
        # One that was removed in between is not listed.
        return [_trace_line(key, found[trace]) for key, trace in page if trace in found]


def _after(ordering: Ordering, entry: str) -> dict[str, str]:
    order, sign = ("DESC", "<") if ordering.descending else ("ASC", ">")
    after = "1" if ordering.after is None else f"(sorted_by, {entry}) {sign} ({{after:Int64}}, {{after_id:String}})"
    return {"order": order, "after": after}


def _placed(ordering: Ordering) -> Parameters:
    place: Parameters = {"limit": ordering.limit + 1}
    if ordering.after is not None:
        place |= {"after": ordering.after[0], "after_id": ordering.after[1]}
    return place


def _trace_line(key: int, row: tuple[Any, ...]) -> TraceLine:
    return TraceLine(sorted_by=key, **dict(zip(_TRACE_FIELDS, row, strict=True)))


def _span_line(row: tuple[Any, ...]) -> SpanLine:
    return SpanLine(**dict(zip(SpanLine.__slots__, row, strict=True)))
