"""The common parts of the whole-system lines: the started system, submissions, and ends of runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import uvloop

from bench import scrape, usage
from bench.lines import BenchError, Line
from bench.plan import Sizes
from bench.run_load import RunEnds, Submitter
from connectors.kafka.log import KafkaLog
from deploy.local.engines import ALL_ENGINES
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System

#: Runs in flight are topped up when this share of them has ended: a request for each would be the generator's cost.
REFILL = 0.05
LAG_POLL_S = 0.1
#: A lag is known from the last fetch, so a single zero may be an old one.
QUIET_POLLS = 3
SETTLE_TIMEOUT_S = 120.0


@dataclass
class Stage:
    """A started system with everything that a measurement needs. This process is the load generator.

    Submissions are appended to ``run-events`` as the API appends them, so that HTTP is measured by ``submit_rps``
    alone; a run has ended when its last view is read from ``run-views``.
    """

    system: System
    log: KafkaLog
    ends: RunEnds
    http: aiohttp.ClientSession
    sizes: Sizes
    progress: Progress
    submitter: Submitter = field(default_factory=lambda: Submitter(ORG))

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each process and its children so far."""
        return {name: usage.cpu_seconds(pid) for name, pid in processes(self.system).items()}

    async def run_many(self, count: int, submitter: Submitter | None = None, in_flight: int | None = None) -> None:
        """Run runs to their ends, as many in flight as ``sizes`` says. Raises ``BenchError``."""
        most = in_flight or self.sizes.runs_in_flight
        waiting: set[str] = set()
        sent = 0
        while sent < count:
            fresh = await self.submit(min(most - len(waiting), count - sent), submitter)
            waiting |= fresh
            sent += len(fresh)
            await self.ends.drain(waiting, at_most=most - max(1, int(most * REFILL)))
        await self.ends.drain(waiting)

    async def submit(self, count: int, submitter: Submitter | None = None) -> set[str]:
        """Append submissions and wait for the acknowledgement; return the new runs."""
        batch = (submitter or self.submitter).make(count)
        await self.log.append(list(batch.values()))
        return set(batch)

    async def settle(self) -> None:
        """Return when every role has processed everything, history and analytics included. Raises ``BenchError``."""
        quiet, deadline = 0, time.monotonic() + SETTLE_TIMEOUT_S
        while quiet < QUIET_POLLS:
            left = sum(scrape.lag(page) for page in await scrape.pages(self.http, self.system.roles.values()))
            quiet = 0 if left else quiet + 1
            if time.monotonic() > deadline:
                raise BenchError(f"{left:.0f} records are not done after {SETTLE_TIMEOUT_S:.0f} s")
            await asyncio.sleep(LAG_POLL_S)


def on_stage(
    system: System, sizes: Sizes, progress: Progress, work: Callable[[Stage], Awaitable[list[Line]]]
) -> list[Line]:
    """Start a system, let ``work`` measure on it, stop it. Raises ``BenchError`` and ``EngineError``."""
    with system, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_on_stage(system, sizes, progress, work))


async def _on_stage(
    system: System, sizes: Sizes, progress: Progress, work: Callable[[Stage], Awaitable[list[Line]]]
) -> list[Line]:
    bootstrap = system.endpoints.kafka_bootstrap
    async with (
        KafkaLog(bootstrap) as log,
        RunEnds(bootstrap, system.partitions) as ends,
        aiohttp.ClientSession() as http,
    ):
        stage = Stage(system, log, ends, http, sizes, progress)
        progress(f"warming up: {sizes.warm_up_runs} runs")
        await stage.run_many(sizes.warm_up_runs)
        return await work(stage)


def processes(system: System) -> dict[str, int]:
    """Return the processes of a started system by name: roles, then engines."""
    roles = {name: role.pid for name, role in system.roles.items()}
    engines = {name: system.stack.engine(name).pid for name in sorted(ALL_ENGINES)}
    return {name: pid for name, pid in (roles | engines).items() if pid is not None}
