"""The memory growth per finished run: resident memory of each role, and Redis once finished runs have expired.

Every role is a process of its own, so that the worst one can be named. Memory is read at regular counts of runs, when
all work on them is done; the figure is the slope through these readings, which a start-up cost does not affect.
"""

import asyncio
import dataclasses
import time
from pathlib import Path

from redis.asyncio import Redis

from bench import usage
from bench.lines import Line, slope
from bench.plan import Sizes
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.settings import variables

#: The first reading is at 1,000 finished runs, so hardly any may have ended before.
WARM_UP_RUNS = 500
LAYOUT = {name: (name,) for name in ("orchestrator", "worker", "budgets", "history", "analytics")}
#: Time that a finished run stays in Redis: for the bench so short that it is gone at the next reading.
KEEP_SETTING, KEEP_S = "KEEP_FINISHED_S", 2
#: Redis looks for expired keys ten times a second, a part of them each time.
EXPIRY_TIMEOUT_S = 60.0
EXPIRY_QUIET_S = 2.0
EXPIRY_POLL_S = 0.25


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    env = {KEEP_SETTING: str(KEEP_S)}
    system = System(data_dir, durable=False, layout=LAYOUT, env=env, progress=progress, with_api=False)
    fresh = dataclasses.replace(sizes, warm_up_runs=min(WARM_UP_RUNS, sizes.warm_up_runs))
    return on_stage(system, fresh, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    sizes = stage.sizes
    step = sizes.growth_runs // sizes.growth_points
    memory: dict[str, list[tuple[float, float]]] = {name: [] for name in LAYOUT}
    redis: list[tuple[float, float]] = []
    async with Redis.from_url(stage.system.endpoints.redis_url) as client:
        for runs in range(step, sizes.growth_runs + 1, step):
            stage.progress(f"growth: {runs} of {sizes.growth_runs} runs")
            await stage.run_many(step)
            await stage.settle()
            for name, points in memory.items():
                points.append((runs, 1e3 * usage.memory_mb(_pid(stage, name))))
            if _expires() and runs in (step, sizes.growth_runs):
                redis.append((runs, await redis_kb_at_rest(client, KEEP_S)))
    return _lines(memory, redis, f"from {step} to {sizes.growth_runs} runs of 3 functions, least squares")


def _lines(memory: dict[str, list[tuple[float, float]]], redis: list[tuple[float, float]], how: str) -> list[Line]:
    slopes = {name: slope(points) for name, points in memory.items()}
    worst = max(slopes, key=slopes.__getitem__)
    lines = [Line("rss_kb_per_run", "KB", (slopes[worst],), f"the worst role, {worst}, {how}")]
    lines += [Line(f"rss_kb_per_run_{name}", "KB", (value,)) for name, value in slopes.items()]
    if redis:
        note = f"used_memory when all finished runs have expired ({KEEP_SETTING}={KEEP_S})"
        lines.append(Line("redis_kb_per_expired_run", "KB", (slope(redis),), note))
    return lines


def _pid(stage: Stage, name: str) -> int:
    pid = stage.system.roles[name].pid
    assert pid is not None  # settled a moment ago
    return pid


def _expires() -> bool:
    return KEEP_SETTING in variables()


async def redis_kb_at_rest(client: "Redis", keep_s: float) -> float:
    """Return the memory that Redis uses when what it keeps so long is over and the number of keys no longer falls."""
    await asyncio.sleep(keep_s)
    fewest, since = await client.dbsize(), time.monotonic()
    deadline = since + EXPIRY_TIMEOUT_S
    while time.monotonic() < min(deadline, since + EXPIRY_QUIET_S):
        await asyncio.sleep(EXPIRY_POLL_S)
        if (keys := await client.dbsize()) < fewest:
            fewest, since = keys, time.monotonic()
    return await used_kb(client)


async def used_kb(client: "Redis") -> float:
    """Return the memory that Redis uses for data, in KB (10^3 bytes)."""
    return int((await client.info("memory"))["used_memory"]) / 1e3
