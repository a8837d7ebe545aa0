"""The admission role: the fold of ``admissions`` on the engine.

It also says how large the pool is, and shows how many runs are queued.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.aio.cancel import end
from connectors.ports.engine import Log
from connectors.prometheus.families import gauge_family
from schemas.errors import Unavailable
from schemas.metrics import ADMISSION_RUNS
from schemas.records.admissions import PoolSet
from schemas.tables.admissions import POOL, QUEUES, Pool
from streams.core.admissions.fold import AdmissionsFold
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.routing import to_out
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.spec import TableSpec
from streams.runtime.table.timers import fire_flow_timers
from topics.catalogue import ADMISSIONS, RUN_EVENTS, TABLE_ADMISSIONS

log = logging.getLogger(__name__)

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


class AdmissionQueueCollector(Collector):
    """Reads the owner's lines at scrape time. By organisation the API says it (``GET /api/v1/limits``)."""

    def __init__(self, owned: Callable[[], Mapping[int, OwnedPartition]]) -> None:
        self._owned = owned

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        runs = gauge_family(ADMISSION_RUNS)
        for one in self._owned().values():
            pool = one.memory.value(QUEUES, POOL) if one.status is Status.READY else None
            if isinstance(pool, Pool):
                runs.add_metric(["running"], pool.running)
                runs.add_metric(["waiting"], pool.waiting)
        return [runs]


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    pool = PoolAnnouncer(ctx.log, ctx.settings.tables.admission_pool)
    pool.start()
    ctx.on_close(pool.stop)
    spec = TableSpec(topic=ADMISSIONS, fold=AdmissionsFold(), fire=fire_flow_timers)
    handler = ctx.table_agent(SPEC.name, TABLE_ADMISSIONS, spec)
    ctx.registry.register(AdmissionQueueCollector(handler.partitions))
    return ctx.app(SPEC.name, handler, Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="admission",
    summary="admits runs of organisations that have limits, organisations taking turns",
    build=build,
    reads=(ADMISSIONS,),
    writes=(RUN_EVENTS, ADMISSIONS),
    table=TABLE_ADMISSIONS,
    needs=(Dependency.KAFKA, Dependency.REDIS),
)
