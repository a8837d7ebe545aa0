"""Many runs at once: runs per second, and the CPU of each over all processes."""

import time
from dataclasses import dataclass
from typing import Any

from bench import usage
from bench.lines import Line
from bench.run_load import Submitter
from bench.stage import Stage
from bench.workflows import THREE_STEPS
from deploy.local.system import ORG


@dataclass(frozen=True)
class Load:
    """The load. The lines' names begin with ``prefix``; ``what`` describes the runs."""

    runs: int
    in_flight: int
    prefix: str = ""
    workflow: dict[str, Any] | None = None
    what: str = "3 functions"


@dataclass(frozen=True)
class Round:
    """One round. Times in seconds: until the last run's end was read, and until the last row of it was written."""

    runs: int
    ended_s: float
    settled_s: float
    cpu_s: dict[str, float]
    generator_cpu_s: float


async def measure(stage: Stage) -> list[Line]:
    """Return the throughput lines, one of CPU per process among them."""
    load = Load(stage.sizes.runs, stage.sizes.runs_in_flight)
    return lines(await rounds_of(stage, load), load)


async def rounds_of(stage: Stage, load: Load) -> list[Round]:
    """Return the rounds of a load."""
    submitter = Submitter(ORG, load.workflow or THREE_STEPS)
    await stage.run_many(max(1, load.runs // 10), submitter, load.in_flight)
    rounds = []
    for number in range(stage.sizes.rounds):
        stage.progress(f"{load.prefix}runs: round {number + 1} of {stage.sizes.rounds}, {load.runs} runs")
        rounds.append(await _round(stage, load, submitter))
    return rounds


async def _round(stage: Stage, load: Load, submitter: Submitter) -> Round:
    await stage.settle()
    cpu, own, start = stage.cpu_seconds(), usage.own_cpu_seconds(), time.perf_counter()
    await stage.run_many(load.runs, submitter, load.in_flight)
    own, ended = usage.own_cpu_seconds() - own, time.perf_counter()
    # The remaining writes of history and analytics are part of a run's cost.
    await stage.settle()
    settled = time.perf_counter()
    spent = {name: seconds - cpu[name] for name, seconds in stage.cpu_seconds().items()}
    return Round(load.runs, ended - start, settled - start, spent, own)


def lines(rounds: list[Round], load: Load) -> list[Line]:
    """Return all lines of rounds."""
    parts = [
        Line(f"{load.prefix}cpu_ms_per_run_{name}", "ms", tuple(1e3 * r.cpu_s[name] / r.runs for r in rounds))
        for name in rounds[0].cpu_s
    ]
    settled = Line(
        f"{load.prefix}runs_settled_per_s",
        "runs/s",
        tuple(r.runs / r.settled_s for r in rounds),
        "up to the last row in PostgreSQL and ClickHouse",
    )
    rate, cpu, generator = summary(rounds, load)
    return [rate, settled, cpu, *parts, generator]


def summary(rounds: list[Round], load: Load) -> list[Line]:
    """Return rate, CPU of all processes, and the generator's CPU."""
    how = f"{load.runs} runs of {load.what}, {load.in_flight} in flight, appended to run-events, ends read in run-views"
    whole = tuple(1e3 * sum(r.cpu_s.values()) / r.runs for r in rounds)
    generator = tuple(1e3 * r.generator_cpu_s / r.runs for r in rounds)
    every = "all processes and their children until settled; without the generator"
    return [
        Line(f"{load.prefix}runs_per_s", "runs/s", tuple(r.runs / r.ended_s for r in rounds), how),
        Line(f"{load.prefix}cpu_ms_per_run", "ms", whole, every),
        Line(f"{load.prefix}generator_cpu_ms_per_run", "ms", generator, "the bench itself, on the same cores"),
    ]
