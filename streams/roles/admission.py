"""The admission role beside its fold: it says how large the pool is, and shows how many runs stand in line."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.aio.cancel import end
from connectors.ports.engine import Due, Log, OutRecord
from schemas.errors import Unavailable
from schemas.records.admissions import PoolSet
from schemas.tables.admissions import LINES, POOL, Pool
from streams.runtime.routing import to_out
from streams.runtime.table.partition import OwnedPartition, Status

log = logging.getLogger(__name__)

ADMISSION_RUNS = "agentflow_admission_runs"
RETRY_S = 1.0


class PoolAnnouncer:
    """Puts the size of the pool into the log once, so that what it decides is decided alike whenever it is folded."""

    def __init__(self, log_: Log, size: int) -> None:
        self._log = log_
        self._size = size
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to say it, until it is acknowledged."""
        self._task = asyncio.create_task(self._say(), name="size of the pool")

    async def stop(self) -> None:
        """Stop saying it. Safe to repeat."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    async def _say(self) -> None:
        while True:
            try:
                await self._log.append([to_out(PoolSet(size=self._size))])
                return
            except Unavailable as exc:
                log.warning("the size of the pool is not in the log yet: %s", exc, extra={"action": "wait"})
            await asyncio.sleep(RETRY_S)


async def fire_nothing(_partition: int, _dues: list[Due]) -> list[OutRecord]:
    """Return nothing: no run waits here for a time."""
    return []


class AdmissionQueueCollector(Collector):
    """Reads the owner's lines at scrape time. By organisation the API says it (``GET /api/v1/limits``)."""

    def __init__(self, owned: Callable[[], Mapping[int, OwnedPartition]]) -> None:
        self._owned = owned

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        runs = GaugeMetricFamily(ADMISSION_RUNS, "Runs with turns, of all organisations", labels=["state"])
        for one in self._owned().values():
            pool = one.memory.value(LINES, POOL) if one.status is Status.READY else None
            if isinstance(pool, Pool):
                runs.add_metric(["running"], pool.running)
                runs.add_metric(["waiting"], pool.waiting)
        return [runs]
