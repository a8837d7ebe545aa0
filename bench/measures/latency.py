"""One run at a time: the time from the append of its submission until its end is read."""

import time

from bench.lines import Line, percentile
from bench.stage import Stage


async def measure(stage: Stage, prefix: str = "") -> list[Line]:
    """Return the latency lines, their names beginning with ``prefix``."""
    rounds = []
    for number in range(stage.sizes.rounds):
        stage.progress(
            f"{prefix}single runs: round {number + 1} of {stage.sizes.rounds}, {stage.sizes.single_runs} runs"
        )
        await stage.settle()
        rounds.append([await _one(stage) for _ in range(stage.sizes.single_runs)])
    how = f"{stage.sizes.single_runs} runs of 3 functions, one after the other"
    return [
        Line(f"{prefix}run_p50_ms", "ms", tuple(percentile(times, 0.5) for times in rounds), how),
        Line(f"{prefix}run_p99_ms", "ms", tuple(percentile(times, 0.99) for times in rounds), how),
    ]


async def _one(stage: Stage) -> float:
    """Return one run's time in milliseconds."""
    submission = stage.submitter.make(1)
    start = time.perf_counter()
    await stage.log.append(list(submission.values()))
    await stage.ends.drain(set(submission))
    return 1e3 * (time.perf_counter() - start)
