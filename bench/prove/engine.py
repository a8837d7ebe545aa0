"""Area ``engine``: the lines of ``make bench`` for the engine and for whole runs, with the floors and goals there."""

from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.measuring import measure_groups
from bench.plan import FULL, QUICK, Group
from bench.prove.area import Area, aim_of_bench
from deploy.local.engines.progress import Progress

GROUPS = frozenset({Group.ENGINE, Group.THROUGHPUT, Group.LATENCY, Group.SUBMIT, Group.FANOUT, Group.CHAINED})
UNITS = {
    "engine_records_per_s": "records/s",
    "stock_faust_records_per_s": "records/s",
    "engine_over_stock_faust": "x",
    "runs_per_s": "runs/s",
    "runs_settled_per_s": "runs/s",
    "cpu_ms_per_run": "ms",
    "run_p50_ms": "ms",
    "run_p99_ms": "ms",
    "submit_rps": "requests/s",
    "fanout_runs_per_s": "runs/s",
    "fanout_cpu_ms_per_run": "ms",
    "chained_runs_per_s": "runs/s",
    "chained_cpu_ms_per_run": "ms",
    "chained_run_p50_ms": "ms",
}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure the groups. Raises ``BenchError`` when one fails."""
    measured = measure_groups(GROUPS, QUICK if quick else FULL, progress)
    if measured.failures or measured.missing:
        raise BenchError("; ".join([*measured.failures, *measured.missing]))
    return [line for line in measured.lines if line.name in UNITS]


AREA = Area(
    "engine",
    "records, runs and CPU of the engine, beside stock Faust",
    [aim_of_bench(name, unit) for name, unit in UNITS.items()],
    measure,
    judged_when_quick=False,
)
