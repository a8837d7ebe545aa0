"""One run that maps a function over a long list and takes all outputs together: children per second, and the ratio of
later to earlier ones.

The broker stamps ``run-events``, so the times of the children's results are read from the log when the run has ended.
"""

import time
from pathlib import Path

from bench.lines import BenchError, Line
from bench.plan import Sizes
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import map_and_take
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.records.run_events import StepSucceeded
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

#: The mapped node of the workflow.
NODE = "each"


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    return on_stage(System(data_dir, durable=False, progress=progress, with_api=False), sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    width = stage.sizes.map_children
    await stage.run_many(1, Submitter(ORG, map_and_take(max(10, width // 10))), 1)
    rates, ratios = [], []
    for number in range(stage.sizes.rounds):
        stage.progress(f"maps: round {number + 1} of {stage.sizes.rounds}, {width} children")
        rate, ratio = await _round(stage, width)
        rates.append(rate)
        ratios.append(ratio)
        await stage.settle()
    how = f"one run of {width} functions and one that takes all outputs, from its submission to its last view"
    return [
        Line("map_children_per_s", "children/s", tuple(rates), how),
        Line("map_second_half_ratio", "ratio", tuple(ratios), "seconds of the second half of the results to the first"),
    ]


async def _round(stage: Stage, width: int) -> tuple[float, float]:
    """Return the children a second, and the time of the second half over that of the first."""
    bounds = {p: await stage.log.bounds(RUN_EVENTS, p) for p in range(stage.system.partitions)}
    began, began_ms = time.perf_counter(), time.time() * 1000
    runs = await stage.submit(1, Submitter(ORG, map_and_take(width)))
    await stage.ends.drain(set(runs))
    seconds = time.perf_counter() - began
    times_ms = sorted([ms for p, at in bounds.items() for ms in await _results(stage, p, at.end, runs)])
    if len(times_ms) < width:
        raise BenchError(f"a run of {width} children ended with {len(times_ms)} results")
    half_ms = times_ms[width // 2 - 1]
    return width / seconds, (times_ms[-1] - half_ms) / (half_ms - began_ms)


async def _results(stage: Stage, partition: int, start: int, runs: set[str]) -> list[int]:
    """Return when the results of the mapped node's children were in the log, in milliseconds."""
    found: list[int] = []
    end = (await stage.log.bounds(RUN_EVENTS, partition)).end
    if start < end:
        async for records in stage.log.read(RUN_EVENTS, partition, start, end):
            for record in records:
                event = decode(RUN_EVENTS, record.value)
                if isinstance(event, StepSucceeded) and event.run_id in runs and event.step_id.startswith(f"{NODE}["):
                    found.append(record.timestamp_ms)
    return found
