"""What the lines of the whole system share: the started system, the way in, and the way out."""

import asyncio
import re
import time
from dataclasses import dataclass, field

import aiohttp

from bench import usage
from bench.lines import BenchError
from bench.plan import Sizes
from bench.run_load import RunEnds, Submitter
from connectors.kafka import KafkaLog
from deploy.local.engines import ALL_ENGINES
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from streams.runtime.role_metrics import LAG_RECORDS

_LAG = re.compile(rf"^{LAG_RECORDS}\{{[^}}]*\}} (\S+)$", re.MULTILINE)
LAG_POLL_S = 0.1
#: A lag is known from the last fetch, so a single zero may be an old one.
QUIET_POLLS = 3
SETTLE_TIMEOUT_S = 60.0


@dataclass
class Stage:
    """A started system with everything that a measurement needs."""

    system: System
    log: KafkaLog
    ends: RunEnds
    http: aiohttp.ClientSession
    sizes: Sizes
    progress: Progress
    submitter: Submitter = field(default_factory=lambda: Submitter(ORG))

    def pids(self) -> dict[str, int]:
        """Return the processes of the system by name: roles, then engines."""
        return processes(self.system)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each process and its children so far."""
        return {name: usage.cpu_seconds(pid) for name, pid in self.pids().items()}

    async def run_many(self, count: int) -> None:
        """Bring runs to their ends, so many in flight as ``sizes`` says. Raises ``BenchError``."""
        waiting: set[str] = set()
        sent = 0
        while sent < count:
            batch = self.submitter.make(min(self.sizes.runs_in_flight - len(waiting), count - sent))
            waiting |= batch.keys()
            sent += len(batch)
            await self.log.append(list(batch.values()))
            await self.ends.drain(waiting, at_most=self.sizes.runs_in_flight - 1)
        await self.ends.drain(waiting)

    async def settle(self) -> None:
        """Return when every role has done all there is, history and analytics too. Raises ``BenchError``."""
        quiet, deadline = 0, time.monotonic() + SETTLE_TIMEOUT_S
        while quiet < QUIET_POLLS:
            lag = await self._lag()
            quiet = 0 if lag else quiet + 1
            if time.monotonic() > deadline:
                raise BenchError(f"{lag:.0f} records are not done after {SETTLE_TIMEOUT_S:.0f} s")
            await asyncio.sleep(LAG_POLL_S)

    async def _lag(self) -> float:
        ports = [role.ready["metrics_port"] for role in self.system.roles.values() if "metrics_port" in role.ready]
        total = 0.0
        for port in ports:
            async with self.http.get(f"http://{LOOPBACK}:{port}/metrics") as answer:
                lags = [float(value) for value in _LAG.findall(await answer.text())]
            if not lags:
                raise BenchError("a role shows no lag on its metrics, so nobody can tell when it is done")
            total += sum(lags)
        return total


def processes(system: System) -> dict[str, int]:
    """Return the processes of a started system by name: roles, then engines."""
    roles = {name: role.pid for name, role in system.roles.items()}
    engines = {name: system.stack.engine(name).pid for name in sorted(ALL_ENGINES)}
    return {name: pid for name, pid in (roles | engines).items() if pid is not None}
