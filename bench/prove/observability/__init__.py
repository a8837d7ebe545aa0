"""Area ``observability``: traces, comparison, replay, causes. Modules with ``AIMS`` and ``measure`` have a row here."""

from collections.abc import Sequence
from types import ModuleType

from bench.lines import Line
from bench.prove.area import Area
from bench.prove.observability import (
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
from deploy.local.engines.progress import Progress

PARTS: tuple[ModuleType, ...] = (
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


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure every part."""
    return [line for part in PARTS for line in part.measure(quick, progress)]


AREA = Area(
    "observability",
    "traces, comparisons, replays and causes of runs: how complete, how right, how fast",
    [aim for part in PARTS for aim in part.AIMS],
    measure,
    judged_when_quick=False,
)
