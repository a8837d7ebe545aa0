"""An orchestrator is killed with kill -9 and replaced by a new process: the pause of its runs.

A run's pause is the time from the kill until the first view of it by the new owner is read. It covers every run in
flight, so it also shows that none was lost. A process that is replaced under its name (``GROUP_INSTANCE_ID``, as by a
StatefulSet) gets its partitions at once; one without a name waits until the group misses the dead one
(``SESSION_TIMEOUT_MS``), which is measured, too.
"""

import asyncio
import time
from pathlib import Path

from bench.lines import BenchError, Line, percentile
from bench.plan import Sizes
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import System

LAYOUT = {
    "orchestrator": ("orchestrator",),
    "worker": ("worker",),
    "others": ("budgets", "history", "analytics"),
}
NAME = {"GROUP_INSTANCE_ID": "bench"}
NO_NAME = {"GROUP_INSTANCE_ID": ""}
#: After this long an orchestrator has begun with the runs and is far from their ends.
AT_WORK_S = 0.05
#: Records of the killed process are at the broker by then; a new one takes longer to start.
IN_FLIGHT_S = 0.2
#: A run without any sign for this long is lost.
LOST_AFTER_S = 90.0


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` when a run was lost, and ``EngineError``."""
    system = System(data_dir, durable=False, layout=LAYOUT, env=NAME, progress=progress, with_api=False)
    return on_stage(system, sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    named = await _kills(stage, stage.sizes.kills)
    orchestrator = stage.system.roles["orchestrator"]
    orchestrator.env = {**orchestrator.env, **NO_NAME}
    unnamed = await _kills(stage, stage.sizes.unnamed_kills)
    return [
        Line("takeover_pause_p50_s", "s", (percentile(_all(named), 0.5),)),
        Line("takeover_pause_p99_s", "s", (percentile(_all(named), 0.99),), _how(named, "by a process of its name")),
        Line("takeover_unnamed_pause_p99_s", "s", (percentile(_all(unnamed), 0.99),), _how(unnamed, "by one without")),
    ]


def _all(kills: list[list[float]]) -> list[float]:
    return [pause for kill in kills for pause in kill]


def _how(kills: list[list[float]], replaced: str) -> str:
    worst = " ".join(f"{max(kill):.2f}" for kill in kills)
    return f"{len(kills)} kills, replaced {replaced}; {len(_all(kills))} runs under way; longest of each kill: {worst}"


async def _kills(stage: Stage, count: int) -> list[list[float]]:
    """Return the pauses of each kill. Raises ``BenchError`` when a kill met no run."""
    kills = []
    for number in range(count):
        stage.progress(f"takeover: kill {number + 1} of {count}, {stage.sizes.kill_runs} runs")
        await stage.settle()
        kills.append(await _kill(stage))
        if not kills[-1]:
            raise BenchError("all runs had ended before the kill; submit more of them")
    return kills


async def _kill(stage: Stage) -> list[float]:
    """Return the pauses of the runs that were in flight when the orchestrator was killed."""
    await stage.run_many(stage.sizes.kill_runs)  # the owner is at work, not in its first moments
    waiting = await stage.submit(stage.sizes.kill_runs)
    await asyncio.sleep(AT_WORK_S)
    orchestrator = stage.system.roles["orchestrator"]
    killed = time.perf_counter()
    orchestrator.kill()
    orchestrator.launch()
    await asyncio.sleep(IN_FLIGHT_S)
    pauses = await _pauses(stage, waiting, killed)
    await asyncio.to_thread(orchestrator.wait_ready)
    return list(pauses.values())


async def _pauses(stage: Stage, waiting: set[str], killed: float) -> dict[str, float]:
    """Follow the runs to their ends; return the pause of each that had not ended when the old owner died."""
    marks = await stage.ends.end_offsets()
    pauses: dict[str, float] = {}
    last = time.perf_counter()
    while waiting:
        views, now = await stage.ends.poll(), time.perf_counter()
        for view in views:
            if view.offset >= marks[view.partition] and view.run_id in waiting:
                pauses.setdefault(view.run_id, now - killed)
            if view.status == b"succeeded":
                waiting.discard(view.run_id)
        last = now if views else last
        if now - last > LOST_AFTER_S:
            raise BenchError(f"{len(waiting)} runs did not continue within {LOST_AFTER_S:.0f} s of a kill")
    return pauses
