"""One orchestrator alone with Kafka and Redis: without a worker, runs wait as long as the bench needs."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import scrape
from bench.lines import BenchError
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.ports import LOOPBACK, PortBook
from deploy.local.engines.progress import Progress
from deploy.local.roles import RoleProcess
from deploy.local.system import ORG, PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import wanted

#: A killed owner is replaced at once, so that its session need not be waited for any longer than this.
SESSION_TIMEOUT_MS = 6_000
POLL_S = 0.05
SETTLE_TIMEOUT_S = 600.0


@dataclass
class Solo:
    """The engines and the one role, whose metrics are on ``port`` from its start."""

    endpoints: Endpoints
    orchestrator: RoleProcess
    port: int

    @property
    def pid(self) -> int:
        """The process id. Raises ``BenchError`` when it has ended."""
        if self.orchestrator.pid is None:
            raise BenchError(f"the orchestrator ended\n{self.orchestrator.log_tail()}")
        return self.orchestrator.pid

    async def take(self, http: aiohttp.ClientSession) -> tuple[float, float]:
        """Start the role; return the seconds from its first take to the last READY, and from its launch.

        Raises ``BenchError`` when a partition is broken or the time is over.
        """
        launched = time.perf_counter()
        self.orchestrator.launch()
        began: float | None = None
        while (now := time.perf_counter()) < launched + SETTLE_TIMEOUT_S:
            found = await self._statuses(http)
            if began is None and found:
                began = now
            if began is not None and found["ready"] == PARTITIONS:
                return time.perf_counter() - began, time.perf_counter() - launched
            if found["broken"] or found["paused"]:
                raise BenchError(f"a partition is not taken: {dict(found)}\n{self.orchestrator.log_tail()}")
            await asyncio.sleep(POLL_S)
        raise BenchError(f"the partitions were not taken within {SETTLE_TIMEOUT_S:.0f} s")

    async def _statuses(self, http: aiohttp.ClientSession) -> Counter[str]:
        """Return how many partitions have each status; none while the process is starting."""
        try:
            return scrape.statuses(await scrape.page(http, self.port))
        except aiohttp.ClientConnectionError:
            _ = self.pid
            return Counter()

    async def settle(self, http: aiohttp.ClientSession) -> None:
        """Return when every record is folded. Raises ``BenchError``."""
        quiet, deadline = 0, time.monotonic() + SETTLE_TIMEOUT_S
        while quiet < 3:  # a lag is known from the last fetch, so a single zero may be an old one
            quiet = quiet + 1 if scrape.lag(await scrape.page(http, self.port)) == 0 else 0
            if time.monotonic() > deadline:
                raise BenchError(f"the orchestrator is not done after {SETTLE_TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.1)


@contextmanager
def solo(data_dir: Path, progress: Progress, env: Mapping[str, str] | None = None) -> Iterator[Solo]:
    """Start Kafka and Redis with the topics; the role, told ``env`` too, is not started yet. Stops all at the end."""
    with EngineStack(data_dir, {"kafka", "redis"}, durable=False, progress=progress) as endpoints:
        asyncio.run(_create_topics(endpoints.kafka_bootstrap))
        port = PortBook(data_dir / "solo-ports.json").port("metrics")
        told = {
            **endpoints.as_env(),
            "API_HOST": LOOPBACK,
            "METRICS_PORT": str(port),
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            **(env or {}),
        }
        log = data_dir / "logs" / "orchestrator.log"
        orchestrator = RoleProcess("orchestrator", ["-m", "streams", "orchestrator"], told, log)
        try:
            yield Solo(endpoints, orchestrator, port)
        finally:
            orchestrator.stop()


async def _create_topics(bootstrap: str) -> None:
    async with TopicAdmin(bootstrap) as admin:
        await admin.create(wanted((ORG,)), PARTITIONS, 1)
