"""All spans of several runs, whole, for comparison with each other."""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.spans import Phase, Span, SpanLink

#: Spans that are read at most for one comparison, of the runs in their order. Each takes about a kilobyte.
MAX_SPANS = 200_000

#: The sorting key begins with organisation and trace, so runs are found by their traces.
_SPANS = """
SELECT run_id, span_id, parent_span_id, name, toUnixTimestamp64Nano(started_at), toUnixTimestamp64Nano(ended_at),
       status, type, step_id, attempt, provider, model, cost_nano, input_tokens, output_tokens, error_code,
       input_hash, output_hash, attributes, phases, links
FROM trace_spans FINAL
WHERE org_id = {org:String} AND has({traces:Array(String)}, trace_id) AND has({runs:Array(String)}, run_id)
ORDER BY indexOf({runs:Array(String)}, run_id), started_at, span_id
LIMIT {limit:UInt32}
"""
_PHASES = msgspec.json.Decoder(list[Phase])
_LINKS = msgspec.json.Decoder(list[SpanLink])


class RunSpans:
    """Reads spans of runs. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(
        self, org_id: str, traces: Sequence[str], runs: Sequence[str], *, limit: int = MAX_SPANS
    ) -> dict[str, list[Span]]:
        """Return the spans of runs, whose traces are given, by run; runs without any are left out.

        Beyond ``limit`` spans, the last runs have none or not all.
        """
        if not runs:
            return {}
        given: Parameters = {"org": org_id, "traces": sorted(set(traces)), "runs": list(runs), "limit": limit}
        found: dict[str, list[Span]] = {}
        for row in await self._clickhouse.query(_SPANS, given):
            found.setdefault(str(row[0]), []).append(_span(*row[1:]))
        return found


def _span(span_id: Any, parent: Any, name: Any, start: Any, end: Any, *more: Any) -> Span:
    status, of_type, step, attempt, provider, model, cost, *rest = more
    tokens_in, tokens_out, error, input_hash, output_hash, attributes, phases, links = rest
    return Span(
        span_id=span_id,
        parent_span_id=parent or None,
        name=name,
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
        input_hash=input_hash,
        output_hash=output_hash,
        attributes=orjson.loads(attributes or "{}"),
        phases=_PHASES.decode(phases) if phases else [],
        links=_LINKS.decode(links) if links else [],
    )
