"""The otlp-export role: spans go to the receivers of OTLP that a file names.

Each target has a consumer group of its own, so its position in the log is its own: a receiver that is down holds up no
other one, and gets everything once it is back, as long as the topic keeps it. Without targets the role does nothing.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.otlp.targets import Target, load_targets
from connectors.prometheus.families import counter, gauge_family
from schemas.metrics import OTLP_LAG_RECORDS, OTLP_REQUESTS_TOTAL, OTLP_SPANS_TOTAL
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.several import SeveralApps
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.consumer import SETTLE_S
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay, decoded
from topics.catalogue import TRACE_SPANS

#: Spans are of use while somebody looks at a run, and each request costs its receiver about the same.
DELAY_MS = 200.0, 1_000.0
#: A stop repeats at most one write, so that is a few requests.
POLL_RECORDS = 500
#: Of each partition and each target: what is fetched ahead is memory.
FETCH_BYTES = 256 * 1024


class TargetCounts:
    """The counters of one target."""

    def __init__(self, target: str, spans: Counter, requests: Counter) -> None:
        self._target = target
        self._spans = spans
        self._requests = requests

    def spans(self, outcome: str, count: int) -> None:
        """Count spans by outcome."""
        self._spans.labels(self._target, outcome).inc(count)

    def requests(self, outcome: str) -> None:
        """Count a request by outcome."""
        self._requests.labels(self._target, outcome).inc()


class TargetLags(Collector):
    """How many records each target is behind, read at scrape time."""

    def __init__(self, apps: Mapping[str, RoleApp]) -> None:
        self._apps = apps

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        lag = gauge_family(OTLP_LAG_RECORDS)
        for name, app in self._apps.items():
            lag.add_metric([name], sum(app.lags().values()))
        return [lag]


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app. Raises ``ValueError`` for a wrong file, a missing secret or a missing package."""
    targets = load_targets(ctx.settings.otlp.targets_file)
    counts = _counters(ctx.registry)
    apps = {target.name: _app(ctx, target, counts(target.name)) for target in targets}
    ctx.registry.register(TargetLags(apps))
    return SeveralApps(apps)


def _counters(registry: CollectorRegistry) -> Callable[[str], TargetCounts]:
    spans, requests = counter(OTLP_SPANS_TOTAL, registry), counter(OTLP_REQUESTS_TOTAL, registry)
    return lambda target: TargetCounts(target, spans, requests)


def _app(ctx: RoleContext, target: Target, counts: TargetCounts) -> RoleApp:
    # Imported here: every process of roles has this module, and few have targets.
    from connectors.otlp.senders import sender_of
    from services.observability.otlp.outgoing.exporter import ExportPorts, TargetExporter

    sender = sender_of(target, ctx.env)
    ctx.on_close(sender.close)
    ports = ExportPorts(sender=sender, put_aside=ctx.dead_letter, counts=counts, now_s=time.monotonic)
    name = f"{SPEC.name}.{target.name}"
    spec = SinkSpec(
        name=name,
        open_record=decoded,
        write=TargetExporter(target, ports).write,
        gathering=batch_delay(*DELAY_MS),
        poll_records=POLL_RECORDS,
    )
    reads = Reads(topics=SPEC.reads, fetch_bytes=FETCH_BYTES)
    # A receiver may take as long as the request's timeout, and a write that is cut is sent again whole. So a stop waits
    # for it as long as for a worker's calls; nobody waits for this group meanwhile.
    settle_s = max(SETTLE_S, ctx.settings.worker.drain_s)
    return ctx.app(name, SinkAgent(spec, ctx.log, ctx.clock), reads, settle_s=settle_s)


SPEC = RoleSpec(
    name="otlp-export",
    summary="sends spans to the receivers of OTLP that a file names",
    build=build,
    reads=(TRACE_SPANS,),
    needs=(Dependency.KAFKA,),
)
