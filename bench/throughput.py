"""Many runs at once: how many a second, and what each costs in CPU of all processes."""

import time
from dataclasses import dataclass

from bench import usage
from bench.lines import Line
from bench.stage import Stage


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
    rounds = []
    for number in range(stage.sizes.rounds):
        stage.progress(f"runs: round {number + 1} of {stage.sizes.rounds}, {stage.sizes.runs} runs")
        rounds.append(await _round(stage))
    return lines(rounds, stage.sizes.runs_in_flight)


async def _round(stage: Stage) -> Round:
    await stage.settle()
    cpu, own, start = stage.cpu_seconds(), usage.own_cpu_seconds(), time.perf_counter()
    await stage.run_many(stage.sizes.runs)
    own, ended = usage.own_cpu_seconds() - own, time.perf_counter()
    # What history and analytics still have to write is part of what a run costs.
    await stage.settle()
    settled = time.perf_counter()
    spent = {name: seconds - cpu[name] for name, seconds in stage.cpu_seconds().items()}
    return Round(stage.sizes.runs, ended - start, settled - start, spent, own)


def lines(rounds: list[Round], in_flight: int) -> list[Line]:
    """Return the lines of rounds."""
    first = rounds[0]
    whole = tuple(1e3 * sum(r.cpu_s.values()) / r.runs for r in rounds)
    parts = [
        Line(f"cpu_ms_per_run_{name}", "ms", tuple(1e3 * r.cpu_s[name] / r.runs for r in rounds))
        for name in first.cpu_s
    ]
    generator = tuple(1e3 * r.generator_cpu_s / r.runs for r in rounds)
    how = f"{first.runs} runs of 3 functions, {in_flight} in flight, appended to run-events, ends read from run-views"
    return [
        Line("runs_per_s", "runs/s", tuple(r.runs / r.ended_s for r in rounds), how),
        Line(
            "runs_settled_per_s",
            "runs/s",
            tuple(r.runs / r.settled_s for r in rounds),
            "up to the last row in PostgreSQL and ClickHouse",
        ),
        Line("cpu_ms_per_run", "ms", whole, "all processes and their children until settled; without the generator"),
        *parts,
        Line("generator_cpu_ms_per_run", "ms", generator, "the bench itself, on the same cores"),
    ]
