"""Lines of the area ``surface``: users' own workers that are killed while they serve a queue."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.prove.area import Aim, at_most
from bench.surface.queues import LEASES_ALONE, Kind, java_there, served
from connectors.kafka.log import KafkaLog
from deploy.local.engines.progress import Progress
from deploy.local.system import PARTITIONS, System
from topics.codec import decode

RUNS, KILLS = 100, 10
QUICK_RUNS, QUICK_KILLS = 20, 2

AIMS = tuple(
    Aim(f"{worker}_worker_{what}", unit, at_most(0), at_most(0))
    for worker in ("http", "kafka")
    for what, unit in (("lost", "runs"), ("doubled", "steps"))
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Kill workers of both kinds. Over Kafka one in Java, where one can be compiled, else one in Python."""
    runs, kills = (QUICK_RUNS, QUICK_KILLS) if quick else (RUNS, KILLS)
    foreign: Kind = "java" if java_there() else "python"
    with (
        tempfile.TemporaryDirectory(prefix="agentflow-queues-") as folder,
        System(Path(folder), durable=False, layout=LEASES_ALONE) as system,
    ):
        lines: list[Line] = []
        kinds: dict[str, Kind] = {"http": "http", "kafka": foreign}
        for worker, kind in kinds.items():
            found = served(system, kind, runs, kills, lambda topic: read(system, topic), progress)
            note = f"{found.runs} runs of two steps, {found.kills} kills; the worker is {_named(kind)}"
            lines.append(Line(f"{worker}_worker_lost", "runs", (found.lost,), note))
            lines.append(Line(f"{worker}_worker_doubled", "steps", (found.doubled,)))
    return lines


def read(system: System, topic: str) -> list[Any]:
    """Return the records of a topic."""

    async def everything() -> list[Any]:
        log = KafkaLog(system.endpoints.kafka_bootstrap, client_id="agentflow-bench")
        await log.start()
        try:
            return [record for number in range(PARTITIONS) for record in await _partition(log, topic, number)]
        finally:
            await log.stop()

    return asyncio.run(everything())


async def _partition(log: KafkaLog, topic: str, number: int) -> list[Any]:
    bounds = await log.bounds(topic, number)
    batches = [batch async for batch in log.read(topic, number, *bounds)]
    return [decode(topic, record.value) for batch in batches for record in batch]


def _named(kind: Kind) -> str:
    known = {"http": "the SDK's, and every second kill is also one of its role", "java": "in Java"}
    return known.get(kind, "the SDK's")
