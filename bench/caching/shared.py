"""Many processes that ask the same requests: how many calls reach the provider, and how long a hit takes."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

from bench.caching.stage import MADE, Caller
from bench.lines import BenchError
from deploy.local.engines import EngineStack

TIMEOUT_S = 900
HITS = 400


class Load(NamedTuple):
    """So many calls from processes, on so many distinct requests."""

    calls: int
    processes: int
    distinct: int


class Shared(NamedTuple):
    """The calls that were made, medians over one process' hits and round trips, and the CPU time of a hit."""

    provider_calls: int
    hit_p50_ms: float
    round_trip_p50_ms: float
    hit_cpu_ms: float


def shared_load(load: Load) -> Shared:
    """Run the load on a Redis of its own. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory() as folder, EngineStack(Path(folder), {"redis"}, durable=False) as endpoints:
        _run(load, endpoints.redis_url)
        return asyncio.run(_measured(endpoints.redis_url))


def start(url: str, *args: str) -> "subprocess.Popen[str]":
    """Start a process that calls."""
    env = os.environ | {"BENCH_REDIS_URL": url}
    command = [sys.executable, "-m", "bench.caching.caller", *args]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def _run(load: Load, url: str) -> None:
    each = str(load.calls // load.processes)
    args = ("--calls", each, "--distinct", str(load.distinct))
    running = [start(url, "--name", str(n), *args) for n in range(load.processes)]
    try:
        codes = [process.wait(TIMEOUT_S) for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate()
    if any(codes):
        raise BenchError(f"processes ended with {sorted(set(codes))}")


async def _measured(url: str) -> Shared:
    caller = Caller(url)
    made = int(await caller.redis.get(MADE) or 0)
    await caller.call(0, "warm")
    hits, trips = [], []
    cpu_s = 0.0
    for _ in range(HITS):
        began_s = time.process_time()
        hits.append(await _timed_ms(caller.call(0, "hit")))
        cpu_s += time.process_time() - began_s
        trips.append(await _timed_ms(caller.redis.ping()))
    await caller.close()
    return Shared(made, statistics.median(hits), statistics.median(trips), 1000 * cpu_s / HITS)


async def _timed_ms(what: Awaitable[object]) -> float:
    began = time.perf_counter()
    await what
    return (time.perf_counter() - began) * 1000
