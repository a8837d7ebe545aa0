"""One soak: capacity, rest, load at half of it under the limits, rest; and what was seen."""

import asyncio
import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from bench import usage
from bench.lines import BenchError, Line
from bench.plan import QUICK
from bench.run_load import Submitter
from bench.soak.figures import Reading
from bench.soak.limits import LimitedSystem
from bench.soak.load import MIXED_OF, Load, register
from bench.soak.stores import KEEP_S, AtRest, at_rest, sweep_always
from bench.stage import Stage, on_stage, processes
from bench.workflows import MIXED
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG

#: As the limit of a worker is given for.
CONCURRENCY = 20
SHARE = 0.5
READ_EVERY_S, SWEEP_EVERY_S, SAY_EVERY_S = 5.0, 20.0, 60.0


@dataclass(frozen=True)
class Plan:
    """``seconds`` of load. ``probes`` are runs by which capacity is measured; caches fill in ``warm_s``.

    ``heaps`` is where the processes write what their heaps consist of.
    """

    seconds: float
    probes: int = 3_000
    warm_s: float = 60.0
    heaps: Path | None = None


@dataclass
class Seen:
    """What a soak saw. ``rates`` are runs a second: of plain runs, of mixed ones, of the mix, and what was offered."""

    limits: Mapping[str, int]
    limited: bool
    rates: dict[str, float] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    took: Sequence[tuple[float, float]] = ()
    runs: int = 0
    over_http: int = 0
    refused: int = 0
    behind_s: float = 0.0
    seconds: float = 0.0
    offered_s: float = 0.0
    before: AtRest | None = None
    after: AtRest | None = None
    ended: list[str] = field(default_factory=list)


def play(plan: Plan, progress: Progress) -> Seen:
    """Play a soak. Raises ``BenchError`` and ``EngineError``: a run was lost or failed, or nothing started."""
    with tempfile.TemporaryDirectory(prefix="agentflow-soak-", ignore_cleanup_errors=True) as folder:
        env = {"WORKER_CONCURRENCY": str(CONCURRENCY), "KEEP_FINISHED_S": str(KEEP_S)}
        system = LimitedSystem(Path(folder), durable=False, env=env, progress=progress, heaps=plan.heaps)
        seen = Seen(system.most, system.groups.made)
        sizes = dataclasses.replace(QUICK, warm_up_runs=min(500, plan.probes), runs_in_flight=500)
        try:
            on_stage(system, sizes, progress, partial(_soak, plan, seen))
        finally:
            system.groups.remove()
    return seen


async def _soak(plan: Plan, seen: Seen, stage: Stage) -> list[Line]:
    register(stage)
    rate = await _capacity(plan, seen, stage)
    stage.progress(f"soak: {rate:.0f} runs a second, half of the capacity, for {plan.warm_s:.0f} s to warm up")
    await _loaded(stage, Load(stage), rate, plan.warm_s)
    stage.progress("soak: the stores at rest, before")
    seen.before = await at_rest(stage)
    load, began = Load(stage), time.monotonic()
    watching = asyncio.create_task(_watch(stage, load, seen))
    try:
        await _loaded(stage, load, rate, plan.seconds)
    finally:
        watching.cancel()
        (outcome,) = await asyncio.gather(watching, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise BenchError(f"memory could not be read: {outcome}") from outcome
    seen.seconds = time.monotonic() - began
    seen.took, seen.runs, seen.over_http = load.took, load.sent, load.over_http
    seen.refused, seen.behind_s, seen.offered_s = load.refused, load.behind_s, plan.seconds
    seen.ended = [name for name, role in stage.system.roles.items() if role.pid is None]
    if seen.ended:
        raise BenchError(f"{', '.join(seen.ended)} ended under the load")
    stage.progress("soak: the stores at rest, after")
    seen.after = await at_rest(stage)
    return []


async def _capacity(plan: Plan, seen: Seen, stage: Stage) -> float:
    """Return half of the runs a second that this machine does of the mix, all roles included."""
    stage.progress("soak: measuring the capacity")
    seen.rates["plain"] = await _rate(stage, plan.probes, None)
    seen.rates["mixed"] = await _rate(stage, max(50, plan.probes // MIXED_OF), Submitter(ORG, MIXED))
    of_mix = 1 / ((1 - 1 / MIXED_OF) / seen.rates["plain"] + 1 / MIXED_OF / seen.rates["mixed"])
    seen.rates |= {"capacity": of_mix, "offered": SHARE * of_mix}
    return SHARE * of_mix


async def _rate(stage: Stage, runs: int, submitter: Submitter | None) -> float:
    await stage.settle()
    began = time.monotonic()
    await stage.run_many(runs, submitter)
    await stage.settle()
    return runs / (time.monotonic() - began)


async def _loaded(stage: Stage, load: Load, rate: float, seconds: float) -> None:
    sweeping = asyncio.create_task(sweep_always(stage, SWEEP_EVERY_S))
    try:
        await load.run(rate, seconds)
    finally:
        sweeping.cancel()
        (outcome,) = await asyncio.gather(sweeping, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise BenchError(f"retention failed: {outcome}") from outcome


async def _watch(stage: Stage, load: Load, seen: Seen) -> None:
    began = said = time.monotonic()
    while True:
        # Other processes' tables of pages are read: that takes a while, and the load must not wait for it.
        (memory, held), now = await asyncio.to_thread(_memory, stage), time.monotonic()
        if memory:
            seen.readings.append(Reading(now - began, load.sent, memory, held))
        if now - said >= SAY_EVERY_S:
            said = now
            told = ", ".join(f"{name} {mb:.0f}" for name, mb in memory.items())
            stage.progress(f"soak: {(now - began) / 60:.0f} min, {load.sent:,} runs, MB: {told}")
        await asyncio.sleep(READ_EVERY_S)


def _memory(stage: Stage) -> tuple[dict[str, float], dict[str, float]]:
    """Return MB of each process, resident and held; nothing when a child of one ended while it was read."""
    pids = processes(stage.system)
    try:
        return (
            {name: usage.memory_mb(pid) for name, pid in pids.items()},
            {name: usage.held_mb(pid) for name, pid in pids.items()},
        )
    except (psutil.Error, OSError):
        return {}, {}
