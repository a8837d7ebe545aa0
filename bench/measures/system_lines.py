"""The lines of the whole system as ``make run`` starts it, unchained, one measurement after the other on one system."""

from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from bench import usage
from bench.lines import Line
from bench.measures import fanout, latency, submit, throughput
from bench.measures.chained import SETTING as CHAIN_SETTING
from bench.plan import Group, Sizes
from bench.stage import Stage, on_stage, processes
from bench.workflows import THREE_STEPS
from deploy.local.engines.progress import Progress
from deploy.local.system import System


async def _memory(stage: Stage) -> list[Line]:
    """Return the memory after all measurements; a process with several roles is named by all of them."""
    roles = {name: " ".join(names) for name, names in stage.system.layout.items() if len(names) > 1}
    return [
        Line(f"rss_mb_{name}", "MB", (usage.memory_mb(pid),), roles.get(name, ""))
        for name, pid in processes(stage.system).items()
    ]


#: In this order.
MEASUREMENTS: dict[Group, Callable[[Stage], Awaitable[list[Line]]]] = {
    Group.THROUGHPUT: throughput.measure,
    Group.LATENCY: latency.measure,
    Group.SUBMIT: submit.measure,
    Group.FANOUT: fanout.measure,
    Group.MEMORY: _memory,
}


def measure(data_dir: Path, groups: Collection[Group], sizes: Sizes, progress: Progress) -> list[Line]:
    """Start the system and return the lines of these groups. Raises ``BenchError`` and ``EngineError``."""

    async def work(stage: Stage) -> list[Line]:
        with stage.system.client() as client:
            client.post("/api/v1/workflows", json=THREE_STEPS).raise_for_status()
        return [line for group, lines_of in MEASUREMENTS.items() if group in groups for line in await lines_of(stage)]

    system = System(data_dir, durable=False, env={CHAIN_SETTING: "false"}, progress=progress)
    return on_stage(system, sizes, progress, work)
