"""How long a take-over lasts of many waiting runs: with Redis emptied, with Redis intact, and from the log alone.

The runs and their timers are appended to ``run-events`` before any owner has started, so the first take folds them all:
that is ``restore_from_log_s``. Then the owner writes its checkpoints, is killed with ``kill -9``, Redis is emptied, and
a new owner starts: ``restore_s``. Each is the time from the first take to the last partition's READY; a new process and
the dead owner's session come before it, and the note says how much with them.
"""

import asyncio
import dataclasses
import time
from pathlib import Path

import aiohttp
import uvloop
from redis.asyncio import Redis

from bench.lines import BenchError, Line
from bench.measures.solo import Solo, solo
from bench.plan import Sizes
from bench.waiting_load import WaitingRuns
from bench.workflows import children, mapped
from connectors.kafka.log import KafkaLog
from connectors.redis.keys import Slot
from deploy.local.engines.progress import Progress
from deploy.local.system import PARTITIONS
from schemas.settings import variables
from topics.catalogue import TABLE_RUNS

CHECKPOINTS = f"{TABLE_RUNS}.checkpoint"
#: The bench waits for the first checkpoint, so it asks for it soon; there are no records whose tail would grow by it.
ENV = {"CHECKPOINT_INTERVAL_MS": "5000"}
CHECKPOINT_WITHIN_S = 90.0
#: A partition's checkpoint is written when its topic has stopped to grow, but for markers, for so many looks.
CHECKPOINT_LOOK_S, CHECKPOINT_LOOKS = 4.0, 3
MARKERS = 4
APPEND_RUNS = 10_000


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` when not every timer is there again, and ``EngineError``."""
    with solo(data_dir, progress, ENV) as alone, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(alone, sizes, progress))


async def _measure(alone: Solo, sizes: Sizes, progress: Progress) -> list[Line]:
    async with (
        aiohttp.ClientSession() as http,
        KafkaLog(alone.endpoints.kafka_bootstrap) as log,
        Redis.from_url(alone.endpoints.redis_url) as redis,
    ):
        await _append(log, sizes, progress)
        taker = _Taker(alone, http, redis, sizes.restored_runs * sizes.restored_timers)
        progress("restore: from the log alone")
        from_log = await taker.take()
        checkpointed = await _checkpointed(log, progress)
        emptied, intact = [], []
        for number in range(sizes.rounds):
            progress(f"restore: round {number + 1} of {sizes.rounds}, with Redis emptied, then intact")
            emptied.append(await taker.take_again(emptied=True))
            intact.append(await taker.take_again(emptied=False))
    what = f"{sizes.restored_runs} runs, {sizes.restored_runs * sizes.restored_timers} timers, one process"
    how = "checkpoint and tail" if checkpointed else "no checkpoints in this checkout, so from the log"
    return [
        _line("restore_s", emptied, f"{what}; Redis emptied; {how}"),
        _line("restore_intact_s", intact, "the same with Redis as it was"),
        _line("restore_from_log_s", [from_log], "the same from the log alone"),
    ]


def _line(name: str, taken: list[tuple[float, float]], how: str) -> Line:
    launched = max(from_launch for _, from_launch in taken)
    return Line(
        name, "s", tuple(took for took, _ in taken), f"{how}; at most {launched:.1f} s from the process' launch"
    )


async def _append(log: KafkaLog, sizes: Sizes, progress: Progress) -> None:
    runs = WaitingRuns(mapped(sizes.restored_timers), children(sizes.restored_timers))
    for start in range(0, sizes.restored_runs, APPEND_RUNS):
        progress(f"restore: appending runs, {start} of {sizes.restored_runs}")
        await runs.append(log, min(APPEND_RUNS, sizes.restored_runs - start))


@dataclasses.dataclass
class _Taker:
    """Takes the table with a new owner, and checks that all ``timers`` are armed then."""

    alone: Solo
    http: aiohttp.ClientSession
    redis: "Redis"
    timers: int

    async def take(self) -> tuple[float, float]:
        """Return the seconds from the first take and from the launch to the last READY."""
        took = await self.alone.take(self.http)
        armed = sum([await self.redis.zcard(Slot(TABLE_RUNS, p).timers) for p in range(PARTITIONS)])
        if armed != self.timers:
            raise BenchError(f"{armed} of {self.timers} timers are armed after the take-over")
        return took

    async def take_again(self, *, emptied: bool) -> tuple[float, float]:
        """Kill the owner first, and empty Redis if told."""
        self.alone.orchestrator.kill()
        if emptied:
            await self.redis.flushall()
        return await self.take()


async def _checkpointed(log: KafkaLog, progress: Progress) -> bool:
    """Wait until the owner has written its checkpoints; ``False`` in a checkout that writes none."""
    if not any("CHECKPOINT" in name for name in variables()):
        return False
    progress("restore: waiting for the checkpoints")
    deadline = time.monotonic() + CHECKPOINT_WITHIN_S
    written, quiet = [0] * PARTITIONS, 0
    while time.monotonic() < deadline:
        await asyncio.sleep(CHECKPOINT_LOOK_S)
        before, written = written, await _written(log)
        grown = [now - then for now, then in zip(written, before, strict=True)]
        quiet = quiet + 1 if all(before) and max(grown) <= MARKERS else 0
        if quiet == CHECKPOINT_LOOKS:
            return True
        if max(grown) > MARKERS:
            deadline = time.monotonic() + CHECKPOINT_WITHIN_S
    raise BenchError(f"no checkpoint was written within {CHECKPOINT_WITHIN_S:.0f} s")


async def _written(log: KafkaLog) -> list[int]:
    return [(await log.bounds(CHECKPOINTS, partition)).end for partition in range(PARTITIONS)]
