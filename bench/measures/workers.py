"""Scaling out: steps per second with three worker processes over those with one, each step a model call of 200 ms.

The concurrency of a worker stays the same, and low enough that waiting, not CPU, limits one worker: so the figure shows
how well work spreads over processes. Twelve partitions, so that three workers can have as many each.
"""

import asyncio
import time
from pathlib import Path

from bench import scrape
from bench.lines import BenchError, Line
from bench.plan import Sizes
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import ONE_CALL
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System

CALL_MS = 200
#: Calls at once per worker: 50 steps a second each.
CONCURRENCY = 10
PARTITIONS = 12
WORKERS = 3
LAYOUT = {"streams": ("orchestrator", "budgets", "history", "analytics"), "worker": ("worker",)}
ENV = {"LOCAL_LATENCY_MS": str(CALL_MS), "WORKER_CONCURRENCY": str(CONCURRENCY)}
JOIN_TIMEOUT_S = 60.0
STEPS_TOTAL = "agentflow_worker_attempts_total"


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    system = System(
        data_dir,
        durable=False,
        layout=LAYOUT,
        env=ENV,
        progress=progress,
        with_api=False,
        partitions=PARTITIONS,
    )
    return on_stage(system, sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    calls = Submitter(ORG, ONE_CALL)
    one = await _rounds(stage, calls, 1)
    for number in range(2, WORKERS + 1):
        name = f"worker-{number}"
        stage.system.roles[name] = stage.system.role(name, ("worker",))
        stage.system.roles[name].launch()
    for role in stage.system.roles.values():
        await asyncio.to_thread(role.wait_ready)
    await _all_at_work(stage, calls)
    three = await _rounds(stage, calls, WORKERS)
    how = f"calls of {CALL_MS} ms, {CONCURRENCY} at once per worker, {stage.sizes.workers_in_flight} runs in flight"
    return [
        Line("workers_1_steps_per_s", "steps/s", tuple(one), how),
        Line(f"workers_{WORKERS}_steps_per_s", "steps/s", tuple(three)),
        Line(f"workers_{WORKERS}_over_1", "x", tuple(t / o for o, t in zip(one, three, strict=True)), "round by round"),
    ]


async def _rounds(stage: Stage, calls: Submitter, workers: int) -> list[float]:
    rates = []
    for number in range(stage.sizes.rounds):
        stage.progress(f"workers: {workers} of them, round {number + 1} of {stage.sizes.rounds}")
        rates.append(await _rate(stage, calls))
    return rates


async def _rate(stage: Stage, calls: Submitter) -> float:
    """Return the steps a second in the window, while as many runs as ``sizes`` says are in flight throughout."""
    sizes, waiting = stage.sizes, set[str]()
    start = began = time.perf_counter()
    counted = 0
    while (now := time.perf_counter()) < start + sizes.workers_warm_s + sizes.workers_window_s:
        if now < start + sizes.workers_warm_s:
            began, counted = now, 0
        if room := sizes.workers_in_flight - len(waiting):
            waiting |= await stage.submit(room, calls)
        counted += await stage.ends.take(waiting)
    rate = counted / (now - began)
    await stage.ends.drain(waiting)
    return rate


async def _all_at_work(stage: Stage, calls: Submitter) -> None:
    """Return when every worker has made a step. Raises ``BenchError``."""
    workers = [role for name, role in stage.system.roles.items() if name.startswith("worker")]
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    while time.monotonic() < deadline:
        await stage.run_many(stage.sizes.workers_in_flight, calls, stage.sizes.workers_in_flight)
        made = [scrape.values(page, STEPS_TOTAL) for page in await scrape.pages(stage.http, workers)]
        if all(sum(value for _, value in steps) for steps in made):
            return
    raise BenchError(f"not all of {len(workers)} workers got work within {JOIN_TIMEOUT_S:.0f} s")
