"""The memory of a waiting run: Redis' and its owner's, by the slope over more and more of them."""

import asyncio
from pathlib import Path

import aiohttp
import uvloop
from redis.asyncio import Redis

from bench import usage
from bench.lines import Line, slope
from bench.measures.growth import used_kb
from bench.measures.solo import Solo, solo
from bench.plan import Sizes
from bench.waiting_load import WaitingRuns
from bench.workflows import THREE_STEPS
from connectors.kafka.log import KafkaLog
from deploy.local.engines.progress import Progress

POINTS = 5


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    with solo(data_dir, progress) as alone, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(alone, sizes, progress))


async def _measure(alone: Solo, sizes: Sizes, progress: Progress) -> list[Line]:
    runs, step = WaitingRuns(THREE_STEPS, ["first"]), sizes.waiting_runs // POINTS
    in_redis: list[tuple[float, float]] = []
    at_owner: list[tuple[float, float]] = []
    async with (
        aiohttp.ClientSession() as http,
        KafkaLog(alone.endpoints.kafka_bootstrap) as log,
        Redis.from_url(alone.endpoints.redis_url) as redis,
    ):
        await alone.take(http)
        for count in range(step, sizes.waiting_runs + 1, step):
            progress(f"waiting: {count} of {sizes.waiting_runs} runs")
            await runs.append(log, step)
            await alone.settle(http)
            in_redis.append((count, await used_kb(redis)))
            at_owner.append((count, 1e3 * usage.memory_mb(alone.pid)))
    return _lines(
        slope(in_redis),
        slope(at_owner),
        f"{step} to {sizes.waiting_runs} runs of 3 functions, the first one waits for its timer",
    )


def _lines(redis_kb: float, owner_kb: float, how: str) -> list[Line]:
    return [
        Line("waiting_run_kb", "KB", (redis_kb + owner_kb,), f"Redis and owner together, from {how}, least squares"),
        Line("waiting_run_redis_kb", "KB", (redis_kb,), "used_memory"),
        Line("waiting_run_owner_kb", "KB", (owner_kb,), "resident memory of the orchestrator"),
    ]
