"""Spans of traces. A whole trace is read light, without texts; the texts of a page are read by the ids of its spans."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.spans import Phase, Span, SpanLink

#: Spans of one trace that are read at most, the first ones. Each is about half a kilobyte of this process.
MAX_SPANS = 100_000
#: Runs of one trace that are named at most.
MAX_RUNS = 100

#: The spans of an organisation that a ``SpanScope`` admits, by the values of its ``parameters``.
IN_SCOPE = """(empty({project:String}) OR tags['agentflow.project'] = {project:String})
  AND ({everything:UInt8} OR arrayExists(one -> workflow_name LIKE one, {workflows:Array(String)}))"""
_WITHIN = f"org_id = {{org:String}} AND trace_id = {{trace:String}} AND {IN_SCOPE}"
_LIGHT = f"""
SELECT run_id, span_id, parent_span_id, name, kind,
       toUnixTimestamp64Nano(started_at), toUnixTimestamp64Nano(ended_at), status, type, step_id,
       attempt, provider, model, cost_nano, input_tokens, output_tokens, error_code, phases
FROM trace_spans FINAL
WHERE {_WITHIN}
ORDER BY started_at, span_id
LIMIT {{limit:UInt32}}
"""
_RUNS = f"""
SELECT run_id, argMax(workflow_name, (workflow_name != '', _offset)), argMax(tags, (notEmpty(tags), _offset)),
       argMax(session_id, (session_id != '', _offset)), argMax(user_id, (user_id != '', _offset)), count()
FROM trace_spans FINAL
WHERE {_WITHIN}
GROUP BY run_id
ORDER BY min(started_at), run_id
LIMIT {{limit:UInt32}}
"""
_BOUNDS = f"""
SELECT toUnixTimestamp64Nano(min(started_at)), toUnixTimestamp64Nano(max(started_at)), count()
FROM trace_spans
WHERE {_WITHIN}
"""
_TEXTS = """
SELECT span_id, status_message, attributes, links, input_hash, output_hash
FROM trace_spans FINAL
WHERE org_id = {org:String} AND trace_id = {trace:String} AND has({spans:Array(String)}, span_id)
"""
_PHASES = msgspec.json.Decoder(list[Phase])
_LINKS = msgspec.json.Decoder(list[SpanLink])


@dataclass(frozen=True, slots=True)
class SpanScope:
    """Which spans of an organisation a caller may see.

    ``workflows_like`` are patterns of ``LIKE``, of which the workflow's name matches one; ``None`` limits nothing, and
    no patterns match nothing. ``project`` is the one that the spans are of.
    """

    workflows_like: tuple[str, ...] | None = None
    project: str | None = None

    @property
    def parameters(self) -> Parameters:
        """The values of the placeholders ``project``, ``everything`` and ``workflows``."""
        return {
            "project": self.project or "",
            "everything": int(self.workflows_like is None),
            "workflows": list(self.workflows_like or ()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOfTrace:
    """What the records of one run say about all of its spans. ``run_id`` is empty for spans of other programs."""

    run_id: str
    workflow_name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    session_id: str = ""
    user_id: str = ""
    spans: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRows:
    """Spans in the order of their starts, the run of each by its index, and all runs."""

    spans: list[Span]
    run_ids: list[str]
    runs: list[RunOfTrace]


@dataclass(frozen=True, slots=True)
class SpanTexts:
    """What light spans are without."""

    status_message: str
    attributes: dict[str, Any]
    links: list[SpanLink]
    input_hash: str
    output_hash: str


class Traces:
    """Reads traces of an organisation. Every method raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def trace(self, org_id: str, trace_id: str, scope: SpanScope, *, limit: int = MAX_SPANS) -> TraceRows:
        """Return the spans of a trace, light, and its runs; nothing of an unknown one.

        Beyond ``limit`` spans, the runs' counts say how many there are.
        """
        given: Parameters = {"org": org_id, "trace": trace_id, **scope.parameters}
        spans, runs = await asyncio.gather(
            self._clickhouse.query(_LIGHT, given | {"limit": limit}),
            self._clickhouse.query(_RUNS, given | {"limit": MAX_RUNS}),
        )
        return TraceRows(
            spans=[_light(row) for row in spans],
            run_ids=[str(row[0]) for row in spans],
            runs=[_run(row) for row in runs],
        )

    async def bounds(self, org_id: str, trace_id: str, scope: SpanScope) -> tuple[int, int] | None:
        """Return the first and the last start of a trace's spans; ``None`` of an unknown trace."""
        given: Parameters = {"org": org_id, "trace": trace_id, **scope.parameters}
        [(first, last, count)] = await self._clickhouse.query(_BOUNDS, given)
        return (int(str(first)), int(str(last))) if count else None

    async def texts(self, org_id: str, trace_id: str, span_ids: Sequence[str]) -> Mapping[str, SpanTexts]:
        """Return the texts of those spans that are stored, by span id."""
        if not span_ids:
            return {}
        given: Parameters = {"org": org_id, "trace": trace_id, "spans": list(span_ids)}
        return {str(row[0]): _texts(row) for row in await self._clickhouse.query(_TEXTS, given)}

    async def spans(self, org_id: str, trace_id: str, scope: SpanScope, *, limit: int = MAX_SPANS) -> list[Span]:
        """Return the spans of a trace in the order of their starts, with their texts."""
        light = (await self.trace(org_id, trace_id, scope, limit=limit)).spans
        texts = await self.texts(org_id, trace_id, [span.span_id for span in light])
        return [whole(span, texts.get(span.span_id)) for span in light]


def whole(span: Span, texts: SpanTexts | None) -> Span:
    """Return a light span with its texts."""
    if texts is None:
        return span
    return msgspec.structs.replace(
        span,
        status_message=texts.status_message,
        attributes=texts.attributes,
        links=texts.links,
        input_hash=texts.input_hash,
        output_hash=texts.output_hash,
    )


def _light(row: tuple[Any, ...]) -> Span:
    _, span_id, parent, name, kind, start, end, status, of_type, step, attempt, provider, model, cost, *more = row
    tokens_in, tokens_out, error, phases = more
    return Span(
        span_id=span_id,
        parent_span_id=parent or None,
        name=name,
        kind=kind,
        start_ns=start,
        end_ns=end,
        status=status,
        type=of_type,
        step_id=step,
        attempt=attempt,
        provider=provider,
        model=model,
        cost_nano=cost,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        error_code=error,
        phases=_PHASES.decode(phases) if phases else [],
    )


def _run(row: tuple[Any, ...]) -> RunOfTrace:
    run_id, workflow, tags, session, user, spans = row
    return RunOfTrace(
        run_id=run_id, workflow_name=workflow, tags=tags, session_id=session, user_id=user, spans=int(spans)
    )


def _texts(row: tuple[Any, ...]) -> SpanTexts:
    _, message, attributes, links, input_hash, output_hash = row
    return SpanTexts(
        status_message=message,
        attributes=orjson.loads(attributes or "{}"),
        links=_LINKS.decode(links) if links else [],
        input_hash=input_hash,
        output_hash=output_hash,
    )
