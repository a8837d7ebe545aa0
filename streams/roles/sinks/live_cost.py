"""Shows money while it moves: what is settled and held each second, as metrics and on Grafana Live.

All of it may be lost; the ledger is ClickHouse's. So nothing is kept, and a target that is slow or gone costs nothing:
the sink only adds up, and pushes are a task of their own.
"""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from connectors.grafana.live import GrafanaLive
from connectors.ports.engine import Clock, InRecord
from connectors.prometheus.families import counter, gauge, histogram
from schemas.errors import BadRecord, NewerMajor
from schemas.metrics import (
    LIVE_COST_DROPPED_TOTAL,
    LIVE_COST_HELD,
    LIVE_COST_LAG_SECONDS,
    LIVE_COST_PUSHES_TOTAL,
    LIVE_COST_SETTLED_TOTAL,
)
from schemas.records.money import CallStarted, CostEvent
from services.observability.live_cost.pusher import Pusher
from services.observability.live_cost.sums import LiveCost, Row
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay
from topics.catalogue import COST_EVENTS
from topics.codec import decode

#: A settlement is shown at most a second and this much after it was written.
DELAY_MS = 100.0, 250.0


class LiveCostMetrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = counter(LIVE_COST_SETTLED_TOTAL, registry)
        self._held = gauge(LIVE_COST_HELD, registry)
        self._pushes = counter(LIVE_COST_PUSHES_TOTAL, registry)
        self._dropped = counter(LIVE_COST_DROPPED_TOTAL, registry)
        self._lag = histogram(LIVE_COST_LAG_SECONDS, registry)

    def settled(self, labels: Sequence[str], amount_nano: int) -> None:
        """Count money. A correction downwards is in the ledger alone: a counter never falls."""
        self._settled.labels(*labels).inc(max(0, amount_nano))

    def held(self, rows: tuple[Row, ...]) -> None:
        """Show what is held now."""
        for row in rows:
            self._held.labels(*row.spender).set(row.held_nano)

    def pushed(self, outcome: str) -> None:
        """Count a push."""
        self._pushes.labels(outcome).inc()

    def dropped(self, lines: int) -> None:
        """Count lines that will not be pushed."""
        self._dropped.inc(lines)

    def lag(self, seconds: float) -> None:
        """Observe how long a settlement took from the log to the target."""
        self._lag.observe(seconds)


class LiveCostSink:
    """Adds up what it reads."""

    def __init__(self, sums: LiveCost, metrics: LiveCostMetrics, clock: Clock) -> None:
        self._sums = sums
        self._metrics = metrics
        self._clock = clock

    async def write(self, items: Sequence[tuple[InRecord, Any]]) -> None:
        """Add up. Nothing here blocks or fails."""
        now_ms = self._clock.now_ms()
        for record, _ in items:
            try:
                event = decode(record.topic, record.value)
            except (BadRecord, NewerMajor):
                continue  # the fold of budgets tells its operators
            if isinstance(event, CallStarted):
                self._sums.started(event, now_ms)
            elif isinstance(event, CostEvent):
                self._metrics.settled(*self._sums.settled(event, record.timestamp_ms, now_ms))


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings, sums, metrics = ctx.settings.grafana, LiveCost(), LiveCostMetrics(ctx.registry)
    target = None
    if url := settings.url.get_secret_value():
        target = GrafanaLive(url, settings.token.get_secret_value(), settings.stream)
        ctx.on_close(target.aclose)
    pusher = Pusher(sums, target, metrics, ctx.clock)
    pusher.start()
    ctx.on_close(pusher.stop)
    write = LiveCostSink(sums, metrics, ctx.clock).write
    spec = SinkSpec(name=SPEC.name, write=write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="live-cost",
    summary="shows what is settled and held each second, as metrics and on Grafana Live",
    build=build,
    reads=(COST_EVENTS,),
    needs=(Dependency.KAFKA,),
)
