"""Lines of the area ``calls``: circuit breakers over four processes on a real Redis."""

import asyncio
import multiprocessing
import tempfile
import uuid
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

from redis.asyncio import Redis

from bench.lines import Line
from bench.prove.area import Aim, at_most, between
from connectors.redis.breakers import BreakerRules, RedisBreakers
from deploy.local.engines.progress import Progress
from deploy.local.engines.stack import EngineStack

PROCESSES = 4
WINDOWS, QUICK_WINDOWS = 5, 1
#: Short, so that several windows pass within seconds.
OPEN_MS = 500
RULES = BreakerRules(open_ms=OPEN_MS, probe_ms=60_000)
ASKED = 25

AIMS = (
    Aim("breaker_calls_to_open", "calls", at_most(20), at_most(10)),
    Aim("breaker_probes_a_window", "probes", between(1, 1), between(1, 1)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Let half of the calls of four processes fail, and count calls until all are refused, and probes admitted then."""
    progress(f"breakers: {PROCESSES} processes on one Redis")
    with (
        tempfile.TemporaryDirectory() as place,
        EngineStack(Path(place), {"redis"}, durable=False, progress=progress) as endpoints,
        ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        opened, probes = measured(endpoints.redis_url, pool, QUICK_WINDOWS if quick else WINDOWS)
    return [
        Line("breaker_calls_to_open", "calls", (float(opened),), "every other call fails, over four processes"),
        Line(
            "breaker_probes_a_window", "probes", (float(max(probes)),), f"the most of {len(probes)} windows, 100 asked"
        ),
    ]


def measured(redis_url: str, pool: Executor, windows: int) -> tuple[int, list[int]]:
    """Return after how many calls a breaker is open, and how many probes each window admits."""
    route = f"prove/{uuid.uuid4()}"
    opened = next(
        number for number in range(1, 1_000) if pool.submit(_report, redis_url, route, failed=number % 2 == 0).result()
    )
    probes = []
    for _ in range(windows):
        pool.submit(_sleep_until_half_open).result()
        asked = [pool.submit(_admitted, redis_url, route) for _ in range(PROCESSES)]
        probes.append(sum(one.result() for one in asked))
        pool.submit(_report, redis_url, route, failed=True).result()
    return opened, probes


def _sleep_until_half_open() -> None:
    asyncio.run(asyncio.sleep(OPEN_MS / 1000 + 0.05))


def _report(redis_url: str, route: str, *, failed: bool) -> bool:
    async def report() -> bool:
        async with Redis.from_url(redis_url) as redis:
            return await RedisBreakers(redis, RULES).report(route, failed=failed)

    return asyncio.run(report())


def _admitted(redis_url: str, route: str) -> int:
    async def ask() -> int:
        async with Redis.from_url(redis_url) as redis:
            # One connection, which is there: a call that Redis does not answer in time is admitted unasked.
            await redis.ping()
            breakers = RedisBreakers(redis, RULES)
            return sum([await breakers.admit(route) for _ in range(ASKED)])

    return asyncio.run(ask())
