"""Lines of reading traces: queries over a million spans, a page of a large trace, how soon spans are there."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.lines import Line
from bench.observability.stored_spans import ORG, fill, questions
from bench.observability.visible_spans import seconds_until_visible
from bench.prove.area import Aim, at_most, line_of
from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.trace_filter import TraceFilter
from connectors.clickhouse.trace_groups import TraceGroups
from connectors.clickhouse.trace_query import Ordering, TraceQueries
from deploy.local.engines import EngineStack
from deploy.local.engines.progress import Progress

SPANS, QUICK_SPANS = 1_000_000, 200_000
ROUNDS, QUICK_ROUNDS = 5, 2
LARGE_TRACE = 10_000

_Question = Callable[[], Awaitable[object]]

AIMS = (
    Aim("query_p95_ms", "ms", at_most(500), at_most(150)),
    Aim("query_p50_ms", "ms"),
    Aim("trace_first_page_ms", "ms", at_most(300), at_most(100)),
    Aim("span_visible_s", "s", at_most(3), at_most(1)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Ask a filled ClickHouse, then watch runs of a whole system."""
    spans, rounds = (QUICK_SPANS, QUICK_ROUNDS) if quick else (SPANS, ROUNDS)
    with (
        tempfile.TemporaryDirectory() as home,
        EngineStack(Path(home), {"clickhouse"}, durable=False, progress=progress) as endpoints,
    ):
        progress(f"queries over {spans:,} spans, {rounds} rounds")
        queries = asyncio.run(_asked(endpoints.clickhouse_url, spans, rounds))
    progress("how soon the spans of a step that ended are read")
    visible, pages = seconds_until_visible(4 if quick else 12, LARGE_TRACE, 4 if quick else 20, progress)
    slowest = max(queries, key=lambda one: statistics.median(queries[one]))
    every = sorted(ms for samples in queries.values() for ms in samples)
    note = f"{len(queries)} kinds of queries over {spans:,} spans, the slowest: {slowest}"
    return [
        line_of(AIMS, "query_p95_ms", every[int(len(every) * 0.95)], note),
        line_of(AIMS, "query_p50_ms", statistics.median(every)),
        line_of(AIMS, "trace_first_page_ms", pages, f"of {LARGE_TRACE:,} spans, over HTTP"),
        line_of(AIMS, "span_visible_s", visible, "from a step's end until the API shows its attempt's span"),
    ]


async def _asked(url: str, spans: int, rounds: int) -> dict[str, list[float]]:
    store = ClickHouse(url, "bench_traces")
    await store.migrate()
    await fill(store, spans)
    queries = await _queries(store, spans, rounds)
    await store.close()
    return queries


async def _queries(store: ClickHouse, spans: int, rounds: int) -> dict[str, list[float]]:
    asked = _kinds(TraceQueries(store), TraceGroups(store), dict(questions(spans)))
    found: dict[str, list[float]] = {kind: [] for kind in asked}
    for turn in range(rounds + 1):
        for kind, question in asked.items():
            ms = await _ms(question)
            if turn:  # the first turn reads files that no cache has
                found[kind].append(ms)
    return found


def _kinds(finding: TraceQueries, groups: TraceGroups, filters: Mapping[str, TraceFilter]) -> dict[str, _Question]:
    """Return the questions that are asked: every filter for traces, and everything sorted, grouped and span by span."""
    whole = filters["everything"]
    return {
        **{name: partial(finding.traces, ORG, wanted, Ordering()) for name, wanted in filters.items()},
        "by cost": partial(finding.traces, ORG, whole, Ordering(sort="cost")),
        "spans": partial(finding.spans, ORG, filters["provider"], Ordering()),
        "dear spans": partial(finding.spans, ORG, filters["provider"], Ordering(sort="cost")),
        "group by workflow": partial(groups.by, ORG, whole, ["workflow"]),
        "group by model": partial(groups.by, ORG, whole, ["model"]),
        "group by prompt": partial(groups.by, ORG, whole, ["prompt"]),
    }


async def _ms(question: _Question) -> float:
    began = time.perf_counter()
    await question()
    return (time.perf_counter() - began) * 1_000
