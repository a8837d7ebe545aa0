"""The batches role: calls that may wait go to their providers in batches, and their answers come back.

It reads no topic. Calls and batches are in PostgreSQL, where workers put the calls; any number of processes share the
batches by leases. ``services.batches.points`` has the order of everything, with what a crash at each point leaves.
"""

import os
import socket
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from connectors.ports.batches import BatchStore, Gathered, Standing
from connectors.ports.engine import Clock
from connectors.postgres.batches import PostgresBatches
from connectors.postgres.money.price_lists import PriceListStore
from connectors.prices.book import PriceBook
from connectors.prometheus.families import counter, gauge
from connectors.providers.batching.services import batch_services
from connectors.providers.custom.building import stated_prices
from connectors.redis.claims.leases import RedisLeases
from schemas.batches import OPEN_ITEM, FinalState
from schemas.metrics import (
    BATCHES_ENDED_CALLS_TOTAL,
    BATCHES_OLDEST_OPEN_SECONDS,
    BATCHES_OPEN_CALLS,
    BATCHES_SENT_TOTAL,
)
from schemas.records.base import Record
from schemas.settings import Batches as Settings
from services.batches.ports import BatchPorts
from services.batches.work import Batches
from services.prices.stored import StoredPrices
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.provider_clients import provider_keys, providers_of
from streams.runtime.consumer.poll import Partition
from streams.runtime.routing import to_out
from topics.catalogue import COST_EVENTS, RUN_EVENTS

#: Batches wait for hours; a look costs PostgreSQL a few empty index scans.
TICK_S = 1.0
_MIB = 1024 * 1024


#: A count of all open calls reads an index of them.
LOOK_MS = 15_000


class BatchMetrics:
    """What this process serves of batches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sent = counter(BATCHES_SENT_TOTAL, registry)
        self._ended = counter(BATCHES_ENDED_CALLS_TOTAL, registry)
        self._open = gauge(BATCHES_OPEN_CALLS, registry)
        self._oldest = gauge(BATCHES_OLDEST_OPEN_SECONDS, registry)

    def sent(self, provider: str) -> None:
        self._sent.labels(provider).inc()

    def ended(self, outcome: FinalState, calls: int) -> None:
        self._ended.labels(outcome).inc(calls)

    def standing(self, found: Standing, now_ms: int) -> None:
        """Show which calls are open now."""
        for state in OPEN_ITEM:
            self._open.labels(state).set(found.calls.get(state, 0))
        self._oldest.set((now_ms - found.oldest_ms) / 1000 if found.oldest_ms else 0)


class BatchTicker:
    """Does what is due about batches, and shows now and then what is open."""

    def __init__(self, batches: Batches, store: BatchStore, metrics: BatchMetrics, clock: Clock) -> None:
        self._batches = batches
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._looked_ms = 0

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        return {}

    async def tick(self) -> None:
        """Do what is due. Raises ``Unavailable`` when a dependency does not answer; nothing is lost by that."""
        await self._batches.work()
        now_ms = self._clock.now_ms()
        if now_ms >= self._looked_ms + LOOK_MS:
            self._metrics.standing(await self._store.standing(), now_ms)
            self._looked_ms = now_ms


def gathered_of(settings: Settings) -> Gathered:
    """Return how calls are gathered. Raises ``ValueError`` that names the setting that is none."""
    least = {"BATCH_MAX_REQUESTS": settings.max_requests, "BATCH_MAX_MB": settings.max_mb}
    for name, value in least.items():
        if value < 1:
            raise ValueError(f"{name}={value} lets no call into a batch; write 1 or more")
    if settings.gather_s < 0 or settings.poll_s <= 0:
        raise ValueError("BATCH_GATHER_S must be 0 or more, and BATCH_POLL_S more than 0; correct them")
    return Gathered(settings.max_requests, settings.max_mb * _MIB, int(settings.gather_s * 1000))


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings, keys, appender = ctx.settings.batches, provider_keys(ctx), ctx.appender()
    book = PriceBook.load(ctx.settings.providers.prices_file, stated_prices())
    owner = f"{socket.gethostname()}-{os.getpid()}-{id(ctx):x}"

    async def emit(records: Sequence[Record]) -> None:
        if records:
            await appender.append([to_out(record) for record in records])

    store, metrics = PostgresBatches(ctx.database()), BatchMetrics(ctx.registry)
    ports = BatchPorts(
        store=store,
        services=batch_services(providers_of(ctx, keyless=keys is not None)),
        prices=StoredPrices(lambda: book, PriceListStore(ctx.database())),
        bodies=ctx.objects(),
        keys=keys,
        clock=ctx.clock,
        emit=emit,
        over=RedisLeases(ctx.pipelined(), ctx.settings.kafka.partitions, owner, 0).over,
        owner=owner,
        gathered=gathered_of(settings),
        poll_ms=int(settings.poll_s * 1000),
        counts=metrics,
    )
    return TickApp(SPEC.name, BatchTicker(Batches(ports), store, metrics, ctx.clock), TICK_S)


SPEC = RoleSpec(
    name="batches",
    summary="sends calls that may wait to providers in batches",
    build=build,
    writes=(COST_EVENTS, RUN_EVENTS),
    needs=(Dependency.KAFKA, Dependency.REDIS, Dependency.POSTGRES),
)
