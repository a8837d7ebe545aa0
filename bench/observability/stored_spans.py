"""A ClickHouse with very many spans, and the questions that people ask of them."""

from collections.abc import Iterator
from typing import Any

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.trace_filter import TraceFilter
from schemas.ids import span_id, trace_id

ORG = "bench"
#: Spans of a run: its own, and those of 8 steps with an attempt and a call each.
SPANS_OF_RUN = 25
#: 2026-11-22T00:00:00Z; a run every two seconds since then.
START_NS = 1_795_305_600_000_000_000
EVERY_NS = 2_000_000_000
LARGE_RUN = "large"

#: A run's own span is its first; then come a step, its attempt and its call, in turns. One row in twenty comes twice,
#: as after a crash of analytics.
_FILL = """
INSERT INTO trace_spans (org_id, trace_id, span_id, parent_span_id, run_id, name, kind, started_at, ended_at, status,
    status_message, attributes, record_id, _offset, type, step_id, attempt, workflow_name, provider, model, cost_nano,
    input_tokens, output_tokens, error_code, session_id, user_id, tags)
WITH intDiv(number, {each}) AS run, number % {each} AS place, lower(hex(MD5(toString(run)))) AS trace,
     multiIf(place = 0, 'run', place % 3 = 1, 'step', place % 3 = 2, 'attempt', 'llm_call') AS kind_of,
     cityHash64(number) AS random, kind_of = 'llm_call' AS call,
     {start} + toInt64(run) * {every} + toInt64(place) * 50000000 AS begins,
     begins + if(place = 0, 5000000000, 100000000 + toInt64(random % 900000000)) AS ends,
     random % 50 = 0 AS failed
SELECT '{org}', trace, substring(lower(hex(MD5(concat('s', toString(number))))), 1, 16), if(place = 0, '', 'p'),
    concat('run-', toString(run)), concat(kind_of, ' analyze'), 'internal', fromUnixTimestamp64Nano(begins),
    fromUnixTimestamp64Nano(ends), if(failed, 'error', 'ok'), if(failed, 'the provider is unavailable', ''),
    multiIf(place = 0, '{{"agentflow.run.status":"succeeded"}}', kind_of = 'attempt',
        concat('{{"agentflow.prompt.ref":"analyzer@', toString(run % 3 + 1), '"}}'),
        '{{"agentflow.request.max_tokens":256,"agentflow.response.finish_reason":"stop"}}'),
    concat('run-', toString(run)), number, kind_of,
    if(place = 0, '', concat('analyze[', toString(intDiv(place - 1, 3)), ']')),
    kind_of IN ('attempt', 'llm_call'), concat('workflow-', toString(run % 20)),
    if(call, ['openai', 'anthropic', 'local'][1 + random % 3], ''), if(call, ['a', 'b', 'c', 'd'][1 + random % 4], ''),
    if(call, random % 2000000, 0), if(call, 300 + random % 1000, 0), if(call, random % 300, 0),
    if(failed, 'provider_unavailable', ''), concat('session-', toString(intDiv(run, 10))),
    concat('user-', toString(run % 500)), map('team', ['red', 'blue'][1 + run % 2])
FROM numbers({first}, {count})
"""
_ROWS = 100_000


async def fill(store: ClickHouse, spans: int) -> None:
    """Store so many spans of one organisation, some of them twice."""
    for first in range(0, spans, _ROWS):
        count = min(_ROWS, spans - first)
        for rows in (count, count // 20):
            sql = _FILL.format(each=SPANS_OF_RUN, start=START_NS, every=EVERY_NS, org=ORG, first=first, count=rows)
            await store.query(sql)


async def fill_large_run(store: ClickHouse, spans: int, org_id: str = ORG) -> str:
    """Store one run with a map of many children for an organisation; return its trace id."""
    trace = trace_id(LARGE_RUN)
    rows: list[tuple[object, ...]] = []
    for number in range(spans):
        step = f"analyze[{number}]"
        own = span_id(LARGE_RUN) if number == 0 else span_id(LARGE_RUN, step)
        parent = "" if number == 0 else span_id(LARGE_RUN)
        kind = "run" if number == 0 else "step"
        begins = START_NS + number * 1_000_000
        said = '{"agentflow.request.max_tokens":256,"agentflow.response.finish_reason":"stop"}'
        common = (f"{kind} analyze", "internal", begins, begins + 3_000_000_000, "ok", "", said, LARGE_RUN, number)
        rows.append(
            (org_id, trace, own, parent, LARGE_RUN, *common, kind, "" if number == 0 else step, "workflow-0", 1_000)
        )
    await store.insert("trace_spans", _COLUMNS, rows)
    return trace


_COLUMNS = (
    *("org_id", "trace_id", "span_id", "parent_span_id", "run_id", "name", "kind", "started_at", "ended_at", "status"),
    *("status_message", "attributes", "record_id", "_offset", "type", "step_id", "workflow_name", "cost_nano"),
)


def questions(spans: int) -> Iterator[tuple[str, TraceFilter]]:
    """Yield filters by name, each over the whole time, so that none is spared what a longer history costs."""
    until = START_NS + (spans // SPANS_OF_RUN + 10) * EVERY_NS

    def asked(**fields: Any) -> TraceFilter:
        return TraceFilter(from_ns=START_NS, until_ns=until, **fields)

    yield "everything", asked()
    yield "provider", asked(provider="openai")
    yield "model and workflow", asked(model="a", workflow="workflow-3")
    yield "failed", asked(error_code="provider_unavailable")
    yield "state", asked(status="succeeded")
    yield "cost", asked(cost=(5_000_000, None))
    yield "duration and tokens", asked(duration=(1_000_000_000, None), tokens=(5_000, None))
    yield "tag", asked(tags={"team": "blue"})
    yield "common text", asked(text="unavailable")
    yield "rare text", asked(text="nowhere to be found")
    yield "session", asked(session_id="session-77")
    yield "user", asked(user_id="user-77")
    yield "prompt", asked(prompt="analyzer@2")
