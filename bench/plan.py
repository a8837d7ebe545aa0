"""The lines of the bench: their names, the amount of work of each, and the selection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


class Group(Enum):
    """Lines of one measurement, in the order of measurement."""

    ENGINE = "engine"
    THROUGHPUT = "throughput"
    LATENCY = "latency"
    SUBMIT = "submit"
    FANOUT = "fanout"
    MEMORY = "memory"
    CHAINED = "chained"
    WORKERS = "workers"
    TAKEOVER = "takeover"
    GROWTH = "growth"
    WAITING = "waiting"
    RESTORE = "restore"
    TIMERS = "timers"
    CANCELS = "cancels"
    FAIRNESS = "fairness"
    MAPS = "maps"
    ISOLATION = "isolation"
    CALLS = "calls"


#: Every line by its group. A name that ends in ``_`` stands for one line per process.
LINES: dict[Group, tuple[str, ...]] = {
    Group.ENGINE: ("engine_records_per_s", "stock_faust_records_per_s", "engine_over_stock_faust"),
    Group.THROUGHPUT: (
        "runs_per_s",
        "runs_settled_per_s",
        "cpu_ms_per_run",
        "cpu_ms_per_run_",
        "generator_cpu_ms_per_run",
    ),
    Group.LATENCY: ("run_p50_ms", "run_p99_ms"),
    Group.SUBMIT: ("submit_rps", "submit_p99_ms"),
    Group.FANOUT: ("fanout_runs_per_s", "fanout_cpu_ms_per_run", "fanout_generator_cpu_ms_per_run"),
    Group.MEMORY: ("rss_mb_",),
    Group.CHAINED: (
        "chained_runs_per_s",
        "chained_cpu_ms_per_run",
        "chained_generator_cpu_ms_per_run",
        "chained_run_p50_ms",
        "chained_run_p99_ms",
    ),
    Group.WORKERS: ("workers_1_steps_per_s", "workers_3_steps_per_s", "workers_3_over_1"),
    Group.TAKEOVER: ("takeover_pause_p50_s", "takeover_pause_p99_s", "takeover_unnamed_pause_p99_s"),
    Group.GROWTH: ("rss_kb_per_run", "rss_kb_per_run_", "redis_kb_per_expired_run"),
    Group.WAITING: ("waiting_run_kb", "waiting_run_redis_kb", "waiting_run_owner_kb"),
    Group.RESTORE: ("restore_s", "restore_intact_s", "restore_from_log_s"),
    Group.TIMERS: ("timer_lateness_ms_p50", "timer_lateness_ms_p99"),
    Group.CANCELS: ("cancel_ms_p50", "cancel_ms_p99"),
    Group.FAIRNESS: ("fairness_delay_ms", "admission_adds_ms", "limited_runs_per_s"),
    Group.MAPS: ("map_children_per_s", "map_second_half_ratio"),
    Group.ISOLATION: ("isolated_step_cpu_ms", "threaded_step_cpu_ms"),
    Group.CALLS: (
        "call_overhead_ms",
        "call_overhead_p99_ms",
        "calls_per_s",
        "call_cpu_ms",
        "two_scripts_cpu_ms",
        "redis_py_two_scripts_cpu_ms",
    ),
}
#: Measured one after the other on one system, as ``make run`` starts it.
WHOLE_SYSTEM = (Group.THROUGHPUT, Group.LATENCY, Group.SUBMIT, Group.FANOUT, Group.MEMORY)


@dataclass(frozen=True)
class Sizes:
    """The amount of work for each sample. Rates need seconds of work, or they are the noise of the machine.

    ``growth_runs`` end between the first and the last reading of memory, in ``growth_points`` readings;
    ``waiting_runs`` likewise. ``restored_runs`` wait with ``restored_timers`` timers each. ``timers`` are armed at
    once, each for ``timer_ms``; as many per second as fall due within half of that. ``canceled_calls`` are in flight at
    once. ``fair_runs`` are single runs next to ``queued_runs`` of others. ``isolated_calls`` are made in threads and in
    processes; ``calls`` are calls of a model that answers at once.
    """

    rounds: int
    engine_records: int
    stock_records: int
    runs: int
    runs_in_flight: int
    warm_up_runs: int
    single_runs: int
    submit_s: float
    submit_connections: int
    fanout_runs: int
    fanout_in_flight: int
    workers_in_flight: int
    workers_warm_s: float
    workers_window_s: float
    kills: int
    unnamed_kills: int
    kill_runs: int
    growth_runs: int
    growth_points: int
    waiting_runs: int
    restored_runs: int
    restored_timers: int
    timers: int
    timer_ms: int
    canceled_calls: int
    queued_runs: int
    fair_runs: int
    map_children: int
    isolated_calls: int
    calls: int


FULL = Sizes(
    rounds=3,
    engine_records=100_000,
    stock_records=8_000,
    runs=2_000,
    runs_in_flight=500,
    warm_up_runs=4_000,
    single_runs=200,
    submit_s=5.0,
    submit_connections=8,
    fanout_runs=400,
    fanout_in_flight=50,
    workers_in_flight=180,
    workers_warm_s=2.0,
    workers_window_s=6.0,
    kills=8,
    unnamed_kills=2,
    kill_runs=500,
    growth_runs=10_000,
    growth_points=10,
    waiting_runs=20_000,
    restored_runs=100_000,
    restored_timers=10,
    timers=10_000,
    timer_ms=20_000,
    canceled_calls=100,
    queued_runs=10_000,
    fair_runs=100,
    map_children=10_000,
    isolated_calls=10_000,
    calls=5_000,
)
#: A smoke test; its figures mean little.
QUICK = Sizes(
    rounds=1,
    engine_records=10_000,
    stock_records=1_000,
    runs=100,
    runs_in_flight=50,
    warm_up_runs=20,
    single_runs=10,
    submit_s=0.5,
    submit_connections=4,
    fanout_runs=20,
    fanout_in_flight=10,
    workers_in_flight=120,
    workers_warm_s=1.0,
    workers_window_s=2.0,
    kills=1,
    unnamed_kills=1,
    kill_runs=100,
    growth_runs=400,
    growth_points=4,
    waiting_runs=800,
    restored_runs=1_000,
    restored_timers=10,
    timers=500,
    timer_ms=2_000,
    canceled_calls=10,
    queued_runs=500,
    fair_runs=10,
    map_children=200,
    isolated_calls=500,
    calls=300,
)


def known_lines() -> list[str]:
    """Return every line's name as a reader sees it."""
    return [line + ("<process>" if line.endswith("_") else "") for lines in LINES.values() for line in lines]


def is_asked_for(line: str, only: Collection[str]) -> bool:
    """Return true if a line is selected, by its name or the start of it; without names all are."""
    return not only or any(_begins(line, name) for name in only)


def groups_for(only: Sequence[str]) -> frozenset[Group]:
    """Return the measurements of the selected lines. Raises ``ValueError`` for an unknown name."""
    unknown = [name for name in only if not _groups_of(name)]
    if unknown:
        raise ValueError(f"no line is named {', '.join(unknown)}; there are: {', '.join(known_lines())}")
    groups = frozenset().union(*map(_groups_of, only)) if only else frozenset(Group)
    # Memory is meaningful only for processes that have worked.
    return groups | frozenset(WHOLE_SYSTEM) if Group.MEMORY in groups else groups


def _groups_of(name: str) -> frozenset[Group]:
    return frozenset(g for g, lines in LINES.items() for ln in lines if _begins(ln, name) or _of_process(ln, name))


def _begins(line: str, name: str) -> bool:
    return f"{line}_".startswith(f"{name}_")


def _of_process(line: str, name: str) -> bool:
    return line.endswith("_") and name.startswith(line)
