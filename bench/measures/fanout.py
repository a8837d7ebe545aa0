"""Runs that fan out: one step, as many children as the workflow has items, one step that takes all their outputs."""

from bench.lines import Line
from bench.measures import throughput
from bench.measures.throughput import Load
from bench.stage import Stage
from bench.workflows import FANOUT, FANOUT_WIDTH


async def measure(stage: Stage) -> list[Line]:
    """Return the lines."""
    sizes = stage.sizes
    what = f"1 -> {FANOUT_WIDTH} -> 1 functions"
    load = Load(sizes.fanout_runs, sizes.fanout_in_flight, "fanout_", FANOUT, what)
    return throughput.summary(await throughput.rounds_of(stage, load), load)
