"""What isolation costs: calls of one small plain function through the registry, in threads and in processes.

The CPU is that of this process and of the processes that make the calls, without Kafka and the rest of a step.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil

from bench.lines import Line
from bench.plan import Sizes
from connectors.tools import Registry, ToolContext
from connectors.tools.entries import Isolation
from connectors.tools.isolation.process_pool import Processes
from deploy.local.engines.progress import Progress
from schemas.errors import Unavailable
from schemas.payload import Reference

#: As many calls at once as a worker makes by default.
AT_ONCE = 10
ARGS = {"text": "A short text whose words are counted in a thread or in a process."}


class NoObjects:
    """Has no stored objects."""

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Raise ``Unavailable``."""
        raise Unavailable("objects", f"the bench has none, not {reference.uri} of {org_id}")


def count_words(*, text: str) -> dict[str, int]:
    """Return how many words a text has."""
    return {"words": len(text.split())}


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines."""
    progress(f"isolation: {sizes.isolated_calls} calls in threads, then in processes")
    context = ToolContext("bench", "run", "step", "run:step", data_dir, NoObjects())
    threads = [asyncio.run(_cpu_ms(sizes.isolated_calls, context, "thread")) for _ in range(sizes.rounds)]
    processes = [asyncio.run(_cpu_ms(sizes.isolated_calls, context, "process")) for _ in range(sizes.rounds)]
    how = f"{sizes.isolated_calls} calls, {AT_ONCE} at once"
    return [
        Line("isolated_step_cpu_ms", "ms", tuple(processes), f"{how}, in processes"),
        Line("threaded_step_cpu_ms", "ms", tuple(threads), f"{how}, in threads of the worker"),
    ]


async def _cpu_ms(calls: int, context: ToolContext, isolation: Isolation) -> float:
    registry, processes = Registry(), Processes(AT_ONCE)
    registry.isolate(processes, "thread")
    registry.function("count_words", isolation=isolation)(count_words)
    try:
        # Threads and processes are there before the first call that counts.
        await _calls(registry, context, 20 * AT_ONCE)
        began = _cpu_s()
        await _calls(registry, context, calls)
        return 1000 * (_cpu_s() - began) / calls
    finally:
        await processes.close()


async def _calls(registry: Registry, context: ToolContext, count: int) -> None:
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            found: Any = await registry.call("function", "count_words", ARGS, context)
            assert found["words"]

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


def _cpu_s() -> float:
    """Return the CPU time of this process and of those that it started, which live through the measurement."""
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in children)
