"""Lines of the sizing model: the bytes that runs leave in the log and in Redis, against what the model says.

Runs of three functions on the engines of this machine.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from redis.asyncio import Redis

from bench.lines import Line
from bench.plan import QUICK
from bench.prove.area import Aim, between, line_of
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from deploy.sizing.model import Load, log_bytes, redis_bytes

RUNS, QUICK_RUNS = 2_000, 300
#: Of a run of three functions of the bench.
THREE = Load(runs_s=1, steps=3, calls=0, payload_bytes=20)
#: A plan is of use while it is off by less than a third; it has that much room.
_OFF, _LITTLE = between(0.67, 1.5), between(0.8, 1.25)

AIMS = (
    Aim("sizing_log_bytes_off", "ratio", _OFF, _LITTLE),
    Aim("sizing_redis_bytes_off", "ratio", _OFF, _LITTLE),
    Aim("log_bytes_per_run", "bytes"),
    Aim("redis_bytes_per_finished_run", "bytes"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run runs and weigh what they left."""
    runs = QUICK_RUNS if quick else RUNS
    progress(f"deploy: what {runs} runs leave in the log and in Redis")
    with tempfile.TemporaryDirectory(prefix="agentflow-sizing-") as folder:
        system = System(Path(folder), durable=False, progress=progress)
        return on_stage(system, replace(QUICK, warm_up_runs=50), progress, partial(_measured, runs, Path(folder)))


async def _measured(runs: int, folder: Path, stage: Stage) -> list[Line]:
    async with Redis.from_url(stage.system.endpoints.redis_url) as redis:
        await stage.settle()
        before, kept = _log_bytes(folder), await _used(redis)
        await stage.run_many(runs)
        await stage.settle()
        log, table = (_log_bytes(folder) - before) / runs, (await _used(redis) - kept) / runs
    said = redis_bytes(replace(THREE, runs_s=1, keep_h=1, latency_s=0)) / 3600
    how = f"the model's over the measured, {runs} runs of three functions"
    return [
        line_of(AIMS, "sizing_log_bytes_off", log_bytes(THREE) / log, how),
        line_of(AIMS, "sizing_redis_bytes_off", said / table, how),
        line_of(AIMS, "log_bytes_per_run", log, "checkpoints and spans included, one replica"),
        line_of(AIMS, "redis_bytes_per_finished_run", table, "used_memory, until KEEP_FINISHED_S is over"),
    ]


def _log_bytes(folder: Path) -> int:
    """Return the bytes of all segments of the broker."""
    return sum(path.stat().st_size for path in (folder / "kafka" / "data").glob("*/*.log"))


async def _used(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])
