"""The lines of the whole system: engines and roles as ``make run`` starts them, in a throw-away directory.

This process is the load generator. Submissions are appended to ``run-events`` as the API would append them, so that
HTTP is measured by ``submit_rps`` alone; a run has ended when its last view is read from ``run-views``.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path

import aiohttp
import uvloop

from bench import latency, submit, throughput, usage
from bench.lines import Line
from bench.plan import Group, Sizes
from bench.run_load import WORKFLOW, RunEnds
from bench.stage import Stage, processes
from connectors.kafka import KafkaLog
from deploy.local.engines.progress import Progress
from deploy.local.system import PARTITIONS, System

#: In this order; memory is read after all of them.
MEASUREMENTS = {
    Group.THROUGHPUT: throughput.measure,
    Group.LATENCY: latency.measure,
    Group.SUBMIT: submit.measure,
}


def measure(data_dir: Path, groups: Collection[Group], sizes: Sizes, progress: Progress) -> list[Line]:
    """Start the system and return the lines of these groups. Raises ``BenchError`` and ``EngineError``."""
    with System(data_dir, durable=False, progress=progress) as system:
        with system.client() as client:
            client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lines = runner.run(_measure(system, groups, sizes, progress))
        return lines + (_memory(system) if Group.MEMORY in groups else [])


async def _measure(system: System, groups: Collection[Group], sizes: Sizes, progress: Progress) -> list[Line]:
    bootstrap = system.endpoints.kafka_bootstrap
    async with (
        KafkaLog(bootstrap) as log,
        RunEnds(bootstrap, PARTITIONS) as ends,
        aiohttp.ClientSession() as http,
    ):
        stage = Stage(system, log, ends, http, sizes, progress)
        progress(f"warming up: {sizes.warm_up_runs} runs")
        await stage.run_many(sizes.warm_up_runs)
        return [line for group, measure in MEASUREMENTS.items() if group in groups for line in await measure(stage)]


def _memory(system: System) -> list[Line]:
    """Return the memory after all that was done; a process with several roles says which."""
    roles = {name: " ".join(names) for name, names in system.layout.items() if len(names) > 1}
    return [
        Line(f"rss_mb_{name}", "MB", (usage.memory_mb(pid),), roles.get(name, ""))
        for name, pid in processes(system).items()
    ]
