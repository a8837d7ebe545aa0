"""The worker role: attempts of steps, from the lanes of qualities and queues to their outcomes in the log."""

import asyncio
import socket

from connectors.aio.cancel import end
from connectors.ports.pubsub import CANCELS
from connectors.providers.custom.registry import CUSTOM
from connectors.providers.registry import provider_names
from connectors.redis.claims.leases import RedisLeases
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import REGISTRY
from connectors.tools.isolation.process_pool import MAX_PROCESSES, Processes
from connectors.tools.isolation.process_wire import Place
from connectors.tools.isolation.raised import contain_tasks
from connectors.tools.metrics import ToolMetrics
from schemas.spec.policy import TIERS
from services.calls.cancellation import Cancellations
from services.prompts.evaluations.functions import register
from services.runs.attempts.watched import Watchers
from services.security.enforcement.known import KnownPolicies
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.provider_clients import endpoints
from streams.roles.worker.attempt import Attempts, AttemptSpec
from streams.roles.worker.heartbeat import Heartbeat, voice
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.poll_handler import Worker
from streams.roles.worker.producer import Outbox
from streams.roles.worker.wiring.executor import executor_of
from streams.roles.worker.wiring.parts import Parts
from streams.runtime.consumer.transport import Reads
from topics import catalogue

#: A worker fetches little: what it has no room for stays in the log.
FETCH_BYTES = 256 * 1024


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings = ctx.settings.worker
    lanes = lanes_of(settings.queues)
    ctx.load_tools()
    register(REGISTRY)
    _isolate(ctx)
    parts = _parts(ctx)
    attempts = Attempts(
        AttemptSpec(worker_id=parts.worker_id, lease_ms=settings.claim_lease_ms),
        executor=executor_of(parts),
        claims=RedisLeases(ctx.pipelined(), ctx.settings.kafka.partitions, parts.worker_id, settings.claim_lease_ms),
        outbox=parts.outbox,
        clock=ctx.clock,
        metrics=parts.metrics,
    )
    handler = Worker(
        attempts=attempts,
        outbox=parts.outbox,
        clock=ctx.clock,
        metrics=parts.metrics,
        calls=REGISTRY,
        concurrency=settings.concurrency,
    )
    _beat(ctx, parts.worker_id, lanes, handler)
    reads = Reads(topics=lanes, fetch_bytes=FETCH_BYTES, marks_ends=True)
    return ctx.app(SPEC.name, handler, reads, drain_s=settings.drain_s)


def _parts(ctx: RoleContext) -> Parts:
    metrics, outbox, aborts = WorkerMetrics(ctx.registry), Outbox(ctx.log, ctx.clock), Cancellations(ctx.clock)
    ctx.registry.register(ToolMetrics())
    bus = ctx.bus(SPEC.name)
    bus.subscribe(CANCELS, lambda _, run_id: aborts.end(run_id.decode()))
    return Parts(
        ctx=ctx,
        worker_id=ctx.settings.worker.id or f"{socket.gethostname()}-{id(ctx):x}",
        objects=ctx.objects(),
        metrics=metrics,
        outbox=outbox,
        aborts=aborts,
        policies=KnownPolicies(),
        watchers=Watchers(bus, ctx.clock),
    )


def lanes_of(queues: str) -> tuple[str, ...]:
    """Return the topics that a worker reads. Raises ``ValueError`` for a setting that names none, or not well."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    if not names:
        raise ValueError(f"WORKER_QUEUES={queues!r} names no queue; leave it out to serve gold, silver and bronze")
    own = [name for name in names if name not in TIERS]
    if own:
        catalogue.queue_topics(own)
    return tuple(catalogue.lane(name) for name in dict.fromkeys(names))


def _isolate(ctx: RoleContext) -> None:
    """Prepare what keeps user code from taking the worker with it."""
    settings = ctx.settings.worker
    processes = Processes(
        min(settings.concurrency, MAX_PROCESSES), lambda: [Place.of(entry.make) for entry in REGISTRY.in_processes()]
    )
    REGISTRY.isolate(processes, settings.isolation)
    ctx.on_close(processes.close)
    loop = asyncio.get_running_loop()
    contain_tasks(loop)
    if REGISTRY.in_processes():
        warming = loop.create_task(processes.warm(), name="warm processes")
        ctx.on_close(lambda: end(warming))


def _beat(ctx: RoleContext, worker_id: str, lanes: tuple[str, ...], handler: Worker) -> None:
    concurrency, started_ms = ctx.settings.worker.concurrency, ctx.clock.now_ms()
    providers = provider_names(endpoints(ctx)) | CUSTOM.names()
    say = voice(worker_id, lanes, concurrency, lambda: handler.in_flight, started_ms, providers)
    heart = Heartbeat(WorkerRegistry(ctx.redis), say)
    heart.start()
    ctx.on_close(heart.stop)


SPEC = RoleSpec(
    name="worker",
    summary="works on the attempts of steps",
    build=build,
    reads=(catalogue.STEP_REQUESTS, catalogue.DEFINITIONS, catalogue.DEPLOYMENT_DECISIONS),
    writes=(
        catalogue.RUN_EVENTS,
        catalogue.PROVIDER_CALLS,
        catalogue.COST_EVENTS,
        catalogue.TRACE_SPANS,
        catalogue.ROUTE_OUTCOMES,
        catalogue.DEPLOYMENT_OUTCOMES,
        catalogue.QUALITY_SCORES,
        catalogue.AUDIT_EVENTS,
    ),
    needs=(Dependency.KAFKA, Dependency.REDIS),
    uses=(Dependency.NATS, Dependency.VAULT),
)
