"""What there is to measure: the lines' names, how much work each takes, and which are asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


class Group(Enum):
    """Lines that one measurement gives together. The system's groups run in this order, on one started system."""

    ENGINE = "engine"
    THROUGHPUT = "throughput"
    LATENCY = "latency"
    SUBMIT = "submit"
    MEMORY = "memory"


#: Every line by its group. A name that ends in ``_`` stands for one line per process.
LINES: dict[Group, tuple[str, ...]] = {
    Group.ENGINE: ("engine_records_per_s", "stock_faust_records_per_s", "engine_over_stock_faust"),
    Group.THROUGHPUT: (
        "runs_per_s",
        "cpu_ms_per_run",
        "cpu_ms_per_run_",
        "runs_settled_per_s",
        "generator_cpu_ms_per_run",
    ),
    Group.LATENCY: ("run_p50_ms", "run_p99_ms"),
    Group.SUBMIT: ("submit_rps", "submit_p99_ms"),
    Group.MEMORY: ("rss_mb_",),
}
SYSTEM_GROUPS = frozenset(Group) - {Group.ENGINE}


@dataclass(frozen=True)
class Sizes:
    """How much is done for each sample. Rates need seconds of work, or they are the noise of the machine."""

    rounds: int
    engine_records: int
    stock_records: int
    runs: int
    runs_in_flight: int
    warm_up_runs: int
    single_runs: int
    submit_s: float
    submit_connections: int


FULL = Sizes(
    rounds=3,
    engine_records=100_000,
    stock_records=8_000,
    runs=2_000,
    runs_in_flight=500,
    warm_up_runs=500,
    single_runs=200,
    submit_s=5.0,
    submit_connections=8,
)
#: To see that everything works; the figures say little.
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
)


def is_asked_for(line: str, only: Collection[str]) -> bool:
    """Return whether a line is asked for, by its name or the first words of it; all are when none is named."""
    return not only or any(_begins(line, name) for name in only)


def groups_for(only: Sequence[str]) -> frozenset[Group]:
    """Return what must be measured for the lines asked for. Raises ``ValueError`` for a name that is no line."""
    unknown = [name for name in only if not _groups_of(name)]
    if unknown:
        known = ", ".join(line + ("<process>" if line.endswith("_") else "") for ls in LINES.values() for line in ls)
        raise ValueError(f"no line is named {', '.join(unknown)}; there are: {known}")
    groups = frozenset().union(*map(_groups_of, only)) if only else frozenset(Group)
    # Memory says something of processes that have worked only.
    return groups | SYSTEM_GROUPS if Group.MEMORY in groups else groups


def _groups_of(name: str) -> frozenset[Group]:
    return frozenset(g for g, lines in LINES.items() for ln in lines if _begins(ln, name) or _of_process(ln, name))


def _begins(line: str, name: str) -> bool:
    return f"{line}_".startswith(f"{name}_")


def _of_process(line: str, name: str) -> bool:
    return line.endswith("_") and name.startswith(line)
