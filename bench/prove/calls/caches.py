"""The caches' lines of the area ``calls``: equal calls over processes, hits, overload, and semantic hits on pairs."""

from collections.abc import Iterator, Sequence
from functools import partial

from bench.caching.judge import judged
from bench.caching.overload import overloaded
from bench.caching.shared import Load, shared_load
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress

WHOLE = Load(calls=10_000, processes=20, distinct=500)
QUICK = Load(calls=600, processes=3, distinct=60)

AIMS = (
    Aim("cache_provider_calls", "calls", at_most(WHOLE.distinct), at_most(WHOLE.distinct)),
    Aim("cache_hit_p50", "ms", at_most(1.5), at_most(1.0)),
    Aim("cache_redis_round_trip_p50", "ms"),
    Aim("cache_hit_cpu_ms", "ms", at_most(1.5), at_most(1.0)),
    Aim("cache_overload_bytes", "% of the bound", at_most(100), at_most(100)),
    Aim("cache_overload_memory", "% of the bound", at_most(120), at_most(105)),
    Aim("cache_overload_table_writes", "% stored", at_least(100), at_least(100)),
    Aim("semantic_hits", "%", at_least(40), at_least(60)),
    Aim("semantic_false_hits", "%", at_most(1), at_most(0.5)),
    Aim("semantic_threshold", "cosine"),
    Aim("semantic_false_hits_without_guards", "%"),
)
_line = partial(line_of, AIMS)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start a Redis, load it, and judge the pairs. Raises ``BenchError``."""
    return [*_shared(QUICK if quick else WHOLE, progress), *_overload(quick, progress), *_semantic(progress)]


def _shared(load: Load, progress: Progress) -> Iterator[Line]:
    progress(f"cache: {load.calls} calls of {load.distinct} requests from {load.processes} processes")
    found = shared_load(load)
    note = f"{load.calls} calls from {load.processes} processes on {load.distinct} requests"
    yield _line("cache_provider_calls", found.provider_calls, note)
    yield _line("cache_hit_p50", found.hit_p50_ms, "the whole look-up, one process alone")
    yield _line("cache_hit_cpu_ms", found.hit_cpu_ms, "CPU time of this process for one hit")
    yield _line("cache_redis_round_trip_p50", found.round_trip_p50_ms, "PING by the same client in the same run")


def _overload(quick: bool, progress: Progress) -> Iterator[Line]:
    progress("cache: ten times the bound, in a Redis without eviction")
    found = overloaded(bound_mb=1 if quick else 16)
    yield _line("cache_overload_bytes", found.counted_percent, f"most that was counted, {found.answers} answers")
    yield _line("cache_overload_memory", found.memory_percent, "most that Redis used for them")
    yield _line(
        "cache_overload_table_writes", found.written_percent, "table entries beside it, no eviction, maxmemory set"
    )


def _semantic(progress: Progress) -> Iterator[Line]:
    progress("cache: 600 pairs, tuned on one half, judged on the other")
    try:
        found = judged()
    except ImportError as exc:
        progress(f"SKIPPED: {exc}")
        return
    yield _line("semantic_hits", found.hits_percent, f"{found.same} pairs that mean the same")
    yield _line("semantic_false_hits", found.false_percent, f"{found.hard} hard negatives")
    yield _line("semantic_threshold", found.threshold, "the least without a false hit on the other half")
    yield _line("semantic_false_hits_without_guards", found.unguarded_percent)
