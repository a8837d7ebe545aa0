"""The sizing model: from a load to brokers, partitions, Redis, processes, disks and dollars. Pure functions.

The costs are measured ones, and each says where: CPU by ``make bench`` (its line ``cpu_ms_per_run`` by process, three
functions a run), bytes by ``make prove AREA=deploy`` and the evidence of ``make chaos-ha``. The model multiplies, adds
headroom and rounds up; it knows nothing of bursts, so give it the load of the busiest minutes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: CPU in ms of a run of three steps, by ``make bench`` on two cores, by process.
CPU_MS_OF_THREE: Mapping[str, float] = {
    "streams": 0.45,
    "sinks": 0.34,
    "worker": 0.245,
    "clickhouse": 0.23,
    "kafka": 0.2,
    "postgres": 0.105,
    "redis": 0.03,
}
#: CPU in ms of a submission over HTTP: ``submit_rps`` is 608 while the runs have the rest of two cores.
CPU_MS_OF_SUBMISSION = 1.6
#: Bytes in the log of one replica, besides payloads: of a run and of each step, which together are those of a run of
#: three functions (``log_bytes_per_run``), and of a call of a model, as of 9,606 calls in ``make chaos-ha``.
LOG_BYTES_OF_RUN, LOG_BYTES_OF_STEP, LOG_BYTES_OF_CALL = 2_750, 2_900, 2_700
#: How often a step's payload is in the log: its result, the view of the run, its span and the next step's request.
COPIES_OF_PAYLOAD = 4
#: Bytes in Redis of a run that waits (``waiting_run_kb``), and of a finished one with its steps until it expires
#: (``redis_bytes_per_finished_run``). The bytes of PostgreSQL and ClickHouse are of 10,242 runs of ``make chaos-ha``.
REDIS_BYTES_OF_WAITING = 1_280
REDIS_BYTES_OF_FINISHED, REDIS_BYTES_OF_FINISHED_STEP = 600, 180
POSTGRES_BYTES_OF_RUN, CLICKHOUSE_BYTES_OF_RUN = 5_000, 7_000

#: A process is planned for so much of its core, so that the loss of one of three leaves the others below it.
BUSY = 0.6
#: What a process uses that has nothing to do: heartbeats, timers, metrics.
IDLE_CORES = 0.02
REPLICAS = 3
#: What one broker is planned for: a common disk and network, not a limit of Kafka.
BROKER_MB_S, BROKER_DISK_GB = 60.0, 2_000.0
REDIS_GB_OF_MASTER = 16.0
#: One thread of Redis does the scripts of all slots of a master.
REDIS_CORE_MS = 1000 * BUSY
PARTITIONS = (12, 24, 60, 120, 240, 480, 960)
POD_GB: Mapping[str, float] = {"control-plane": 1.0, "streams": 0.5, "worker": 0.5, "sinks": 0.5}


@dataclass(frozen=True, slots=True)
class Load:
    """What a site must bear. Payloads are bytes of a step's output, latencies seconds of a model's answer.

    ``waiting`` are runs that wait for people or timers at any time; ``keep_h`` is ``KEEP_FINISHED_S`` in hours.
    """

    runs_s: float
    steps: float = 5.0
    calls: float = 2.0
    payload_bytes: float = 2_000.0
    latency_s: float = 2.0
    waiting: int = 0
    keep_h: float = 1.0
    log_days: float = 7.0
    history_days: float = 90.0
    over_http: float = 1.0
    concurrency: int = 20


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars of a month: of a core, of a GB of memory and of a GB of disk. Assumed; give your own."""

    core: float = 25.0
    memory_gb: float = 3.5
    disk_gb: float = 0.10


@dataclass(frozen=True, slots=True)
class Pods:
    """Processes of a kind, and the cores that they use together at the load."""

    count: int
    cores: float


@dataclass(frozen=True, slots=True)
class Size:
    """What a load needs. ``walls`` say what no more machines of the kind would help with."""

    partitions: int
    brokers: int
    log_mb_s: float
    log_gb: float
    redis_masters: int
    redis_gb: float
    pods: Mapping[str, Pods]
    postgres_gb: float
    clickhouse_gb: float
    cores: float
    memory_gb: float
    disk_gb: float
    dollars: float
    walls: Sequence[str]


def size_of(load: Load, prices: Prices = Prices()) -> Size:
    """Return the size of a site. Raises ``ValueError`` for a load that is none."""
    _check(load)
    pods = _pods(load)
    log_mb_s = load.runs_s * log_bytes(load) / 1e6
    log_gb = log_mb_s * 86.4 * load.log_days * REPLICAS
    brokers = max(REPLICAS, math.ceil(log_mb_s * REPLICAS / BROKER_MB_S), math.ceil(log_gb / BROKER_DISK_GB))
    redis_gb = 2 * redis_bytes(load) / 1e9
    masters = max(3, math.ceil(redis_gb / REDIS_GB_OF_MASTER), math.ceil(_cpu(load, "redis") / REDIS_CORE_MS))
    postgres_gb = load.runs_s * POSTGRES_BYTES_OF_RUN * 86_400 * load.history_days / 1e9
    clickhouse_gb = load.runs_s * CLICKHOUSE_BYTES_OF_RUN * 86_400 * load.history_days / 1e9
    stores = sum(_cpu(load, name) for name in ("kafka", "redis", "postgres", "clickhouse")) / 1000
    cores = sum(one.cores + IDLE_CORES * one.count for one in pods.values()) + stores / BUSY
    memory = sum(POD_GB[name] * one.count for name, one in pods.items()) + 2 * redis_gb + 4 * brokers + 16
    disk = log_gb + 2 * postgres_gb + 2 * clickhouse_gb
    return Size(
        partitions=_partitions(pods),
        brokers=brokers,
        log_mb_s=log_mb_s,
        log_gb=log_gb,
        redis_masters=masters,
        redis_gb=redis_gb,
        pods=pods,
        postgres_gb=postgres_gb,
        clickhouse_gb=clickhouse_gb,
        cores=cores,
        memory_gb=memory,
        disk_gb=disk,
        dollars=cores * prices.core + memory * prices.memory_gb + disk * prices.disk_gb,
        walls=_walls(load, pods),
    )


def log_bytes(load: Load) -> float:
    """Return the bytes that a run leaves in the log of one replica."""
    own = LOG_BYTES_OF_RUN + load.steps * LOG_BYTES_OF_STEP + load.calls * LOG_BYTES_OF_CALL
    return own + load.steps * load.payload_bytes * COPIES_OF_PAYLOAD


def redis_bytes(load: Load) -> float:
    """Return the bytes of all tables: runs that run, wait, and ended less than ``keep_h`` ago."""
    of_finished = REDIS_BYTES_OF_FINISHED + load.steps * (REDIS_BYTES_OF_FINISHED_STEP + load.payload_bytes)
    finished = load.runs_s * 3600 * load.keep_h
    running = load.runs_s * load.calls * load.latency_s
    return finished * of_finished + running * of_finished + load.waiting * REDIS_BYTES_OF_WAITING


def _check(load: Load) -> None:
    if load.runs_s <= 0 or load.steps < 1 or load.concurrency < 1:
        raise ValueError("a load has more than 0 runs a second, at least 1 step a run and 1 slot a worker")
    if min(load.calls, load.payload_bytes, load.latency_s, load.waiting, load.keep_h, load.log_days) < 0:
        raise ValueError("no part of a load is negative")
    if not 0 <= load.over_http <= 1:
        raise ValueError("the share of submissions over HTTP is between 0 and 1")


def _cpu(load: Load, process: str) -> float:
    """Return the ms of CPU that a kind of process uses in a second."""
    return load.runs_s * CPU_MS_OF_THREE[process] * load.steps / 3


def _pods(load: Load) -> dict[str, Pods]:
    """Return the processes: two of each at least, since one may die."""
    submissions = load.runs_s * load.over_http * CPU_MS_OF_SUBMISSION
    cpu = {"control-plane": submissions, **{name: _cpu(load, name) for name in ("streams", "sinks", "worker")}}
    pods = {name: Pods(max(2, math.ceil(ms / 1000 / BUSY)), ms / 1000 / BUSY) for name, ms in cpu.items()}
    slots = math.ceil(load.runs_s * load.calls * load.latency_s / load.concurrency / BUSY)
    return pods | {"worker": Pods(max(pods["worker"].count, slots), pods["worker"].cores)}


def _partitions(pods: Mapping[str, Pods]) -> int:
    """Return twice as many as the most processes that share a topic, in a number that divides evenly."""
    most = 2 * max(one.count for name, one in pods.items() if name != "control-plane")
    return next((count for count in PARTITIONS if count >= most), math.ceil(most / 60) * 60)


#: What one process does alone, by ``make bench``: a third of ``engine_records_per_s``, which is the bare engine's.
ONE_PARTITION_RECORDS_S = 25_000
ADMISSIONS_S = 3_000


def _walls(load: Load, pods: Mapping[str, Pods]) -> list[str]:
    found = []
    money = load.runs_s * load.calls * 3
    if money > ONE_PARTITION_RECORDS_S:
        found.append(
            f"one organisation: its money is in one partition, which folds about {ONE_PARTITION_RECORDS_S:,} records a "
            f"second; {money:,.0f} are needed if one has all runs. Spread them over organisations, or cells"
        )
    if load.runs_s > ADMISSIONS_S:
        found.append(
            f"limits: runs that have any pass one partition of admissions, about {ADMISSIONS_S:,} a second. Above, "
            "only runs without limits, or cells"
        )
    most = max(one.count for name, one in pods.items() if name != "control-plane")
    if most > PARTITIONS[-1]:
        found.append(
            f"partitions: {most:,} processes share a topic, and brokers bear some thousand partitions. Use cells"
        )
    return found
