"""The delay that one organisation's long queue adds to another's single run, in a pool that they share.

One organisation submits thousands of runs at once, which fill the pool and its queue. Meanwhile the other submits one
run after the other, as it did before, on the same system. The cost of admission without competition is measured first.
"""

import time
from pathlib import Path

from bench.lines import BenchError, Line, percentile
from bench.plan import Sizes
from bench.run_load import PATIENCE_S, SUCCEEDED, Submitter
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System

RIVAL = "rival"
#: Runs of all organisations at once: enough to keep two cores busy.
POOL = 50
#: Below this share of the queue a measurement no longer shows a long queue.
LEFT = 0.1
LEAST = 5


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    env = {"ADMISSION_POOL": str(POOL)}
    return on_stage(System(data_dir, durable=False, env=env, progress=progress), sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    sizes = stage.sizes
    single, rival = Submitter(ORG, turns=True), Submitter(RIVAL, turns=True)
    stage.progress(f"fairness: {sizes.fair_runs} single runs without turns, and as many with")
    await stage.settle()
    plain, alone = [], []
    for _ in range(sizes.fair_runs):  # alternating, since a system gets faster for a while after its start
        plain.append(await _one(stage, stage.submitter, set()))
        alone.append(await _one(stage, single, set()))
    stage.progress(f"fairness: single runs beside {sizes.queued_runs} of another organisation")
    line = rival.make(sizes.queued_runs)
    start, waiting = time.perf_counter(), set(line)
    await stage.log.append(list(line.values()))
    beside: list[float] = []
    while len(beside) < sizes.fair_runs and len(waiting) > LEFT * len(line):
        beside.append(await _one(stage, single, waiting))
    took = time.perf_counter() - start
    if len(beside) < LEAST:
        raise BenchError(f"the line of {len(line)} runs was gone after {len(beside)} single runs")
    return _lines(plain, alone, beside, (len(line) - len(waiting)) / took, len(line))


def _lines(plain: list[float], alone: list[float], beside: list[float], rate: float, queued: int) -> list[Line]:
    without, with_turns, behind = (percentile(times, 0.5) for times in (plain, alone, beside))
    how = (
        f"median of {len(beside)} single runs of 3 functions beside {queued} queued ones, {behind:.1f} ms, over that "
        f"of {len(alone)} alone, {with_turns:.1f} ms; a pool of {POOL}; the longest took {max(beside):.0f} ms"
    )
    turns = f"median of {len(alone)} single runs with turns, {with_turns:.1f} ms, over that without, {without:.1f} ms"
    return [
        Line("fairness_delay_ms", "ms", (behind - with_turns,), how),
        Line("admission_adds_ms", "ms", (with_turns - without,), turns),
        Line("limited_runs_per_s", "runs/s", (rate,), f"what goes through a pool of {POOL} meanwhile"),
    ]


async def _one(stage: Stage, submitter: Submitter, others: set[str]) -> float:
    """Return one run's time in milliseconds; take runs that end meanwhile out of ``others``. Raises ``BenchError``."""
    submission = submitter.make(1)
    waiting = set(submission)
    start = last = time.perf_counter()
    await stage.log.append(list(submission.values()))
    while waiting:
        ended = {view.run_id for view in await stage.ends.poll() if view.status == SUCCEEDED}
        waiting -= ended
        others -= ended
        last = time.perf_counter() if ended else last
        if time.perf_counter() - last > PATIENCE_S:
            raise BenchError(f"no run has ended for {PATIENCE_S:.0f} s")
    return 1e3 * (time.perf_counter() - start)
