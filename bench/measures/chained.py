"""The same runs with chained steps: a linear stretch travels as one request (``CHAIN_STEPS``)."""

import dataclasses
from pathlib import Path

from bench.lines import BenchError, Line, NotThere
from bench.measures import latency, throughput
from bench.measures.throughput import Load
from bench.plan import Sizes
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.settings import variables
from schemas.spec.policy import DEFAULT_TIER
from topics.catalogue import lane

SETTING = "CHAIN_STEPS"
STEPS = 3


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``NotThere`` in a checkout that cannot chain, ``BenchError``, ``EngineError``."""
    if SETTING not in variables():
        raise NotThere(f"this checkout has no setting {SETTING}, so steps cannot be chained")
    system = System(data_dir, durable=False, env={SETTING: "true"}, progress=progress)
    return on_stage(system, sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    load = Load(stage.sizes.runs, stage.sizes.runs_in_flight, "chained_")
    before = await _requests(stage)
    rounds = await throughput.rounds_of(stage, load)
    done = len(rounds) * load.runs + max(1, load.runs // 10)
    each = (await _requests(stage) - before) / done
    if each >= STEPS:
        raise BenchError(f"{SETTING} is set, but a run of {STEPS} steps still makes {each:.1f} requests")
    rate, *others = throughput.summary(rounds, load)
    note = f"{rate.note}; {each:.2f} step requests a run"
    return [dataclasses.replace(rate, note=note), *others, *await latency.measure(stage, "chained_")]


async def _requests(stage: Stage) -> int:
    """Return how many step requests were ever appended."""
    topic = lane(DEFAULT_TIER)
    return sum([(await stage.log.bounds(topic, partition)).end for partition in range(stage.system.partitions)])
