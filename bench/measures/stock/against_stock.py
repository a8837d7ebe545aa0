"""The counting job on our engine and on stock Faust, in turns, each in a process of its own, on one broker.

Both read one topic of ``PARTITIONS`` partitions with records of ``RECORD_BYTES`` bytes and write one output a record.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

import orjson

from bench.lines import BenchError, Line
from bench.measures.engine import PARTITIONS
from bench.plan import Sizes
from bench.results import ROOT
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.progress import Progress
from topics.admin import TopicAdmin

KEYS = 1_000
#: Bytes of key and value together.
RECORD_BYTES = 250
SOURCE = "counted"
FILL_BATCH = 5_000
JOB_TIMEOUT_S = 180
ERROR_TAIL = 2_000
#: Each job and the module that runs it in a process of its own.
JOBS = {"engine": "bench.measures.engine", "stock_faust": "bench.measures.stock.stock_faust"}


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the three lines. Raises ``BenchError`` when a job did not count every record."""
    rates: dict[str, list[float]] = {job: [] for job in JOBS}
    with EngineStack(data_dir, {"kafka", "redis"}, durable=False, progress=progress) as endpoints:
        progress("engine: filling the topic")
        asyncio.run(_fill(endpoints, sizes))
        for number in range(sizes.rounds):
            for job, records in zip(JOBS, (sizes.engine_records, sizes.stock_records), strict=True):
                progress(f"{job}: round {number + 1} of {sizes.rounds}, {records} records")
                rates[job].append(_run(job, endpoints, records, f"out-{job}-{number}"))
    ratios = tuple(ours / theirs for ours, theirs in zip(*rates.values(), strict=True))
    return [
        Line("engine_records_per_s", "records/s", tuple(rates["engine"]), "up to the fenced commit"),
        Line(
            "stock_faust_records_per_s",
            "records/s",
            tuple(rates["stock_faust"]),
            "up to the last send; on uvloop too; not fenced",
        ),
        Line("engine_over_stock_faust", "x", ratios, "round by round"),
    ]


async def _fill(endpoints: Endpoints, sizes: Sizes) -> None:
    outputs = [f"out-{job}-{number}" for job in JOBS for number in range(sizes.rounds)]
    async with TopicAdmin(endpoints.kafka_bootstrap) as admin:
        await admin.create({name: {} for name in (SOURCE, *outputs)}, PARTITIONS, 1)
    count = max(sizes.engine_records, sizes.stock_records)
    async with KafkaLog(endpoints.kafka_bootstrap) as log:
        for start in range(0, count, FILL_BATCH):
            await log.append([input_record(n) for n in range(start, min(count, start + FILL_BATCH))])


def input_record(number: int) -> OutRecord:
    """Return one input: ``KEYS`` keys in turn."""
    key = b"%04d" % (number % KEYS)
    return OutRecord(SOURCE, key, b"x" * (RECORD_BYTES - len(key)))


def command(job: str) -> list[str]:
    """Return the start of a job's command line."""
    return [sys.executable, "-m", JOBS[job]]


def _run(job: str, endpoints: Endpoints, records: int, target: str) -> float:
    argv = [*command(job), "--bootstrap", endpoints.kafka_bootstrap]
    argv += ["--source", SOURCE, "--target", target, "--records", str(records)]
    if job == "engine":
        argv += ["--redis", endpoints.redis_url]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=JOB_TIMEOUT_S, check=False)
    if done.returncode:
        raise BenchError(f"the job on {job} ended with exit code {done.returncode}:\n{done.stderr[-ERROR_TAIL:]}")
    rate = float(orjson.loads(done.stdout)["records_per_s"])
    written = asyncio.run(_written(endpoints, target))
    if rate <= 0 or written < records:
        raise BenchError(f"the job on {job} wrote {written} of {records} outputs:\n{done.stderr[-ERROR_TAIL:]}")
    return rate


async def _written(endpoints: Endpoints, topic: str) -> int:
    async with KafkaLog(endpoints.kafka_bootstrap) as log:
        return sum([(await log.bounds(topic, partition)).end for partition in range(PARTITIONS)])
