"""Area ``observability``: traces, comparison, replay, causes. Modules with ``AIMS`` and ``measure`` have a row here."""

from bench.prove.area import Part, area_of
from bench.prove.observability import (
    by_tests,
    complete,
    divergences,
    drift,
    live_cost,
    metrics,
    otlp,
    policies,
    replay,
    root_cause,
    trace_diff,
    traces,
)

PARTS: tuple[Part, ...] = (
    by_tests,
    complete,
    divergences,
    drift,
    live_cost,
    metrics,
    otlp,
    policies,
    replay,
    root_cause,
    trace_diff,
    traces,
)

AREA = area_of(
    "observability",
    "traces, comparisons, replays and causes of runs: how complete, how right, how fast",
    PARTS,
    judged_when_quick=False,
)
