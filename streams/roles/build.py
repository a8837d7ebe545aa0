"""How each role is put together from its parts. A role is one Faust app: one group, one handler."""

import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from connectors.aio.clock import WallClock
from connectors.clickhouse.client import ClickHouse
from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.kafka.definitions_consumer import DefinitionsFollower
from connectors.kafka.log import KafkaLog
from connectors.nats.pubsub import Nats
from connectors.objects.s3 import s3_access
from connectors.objects.store import Objects, open_objects
from connectors.ports.engine import InRecord
from connectors.ports.pubsub import CANCELS, NoPubSub, PubSub
from connectors.postgres.database import Database
from connectors.postgres.prompts import Prompts
from connectors.postgres.run_limits import RunLimits
from connectors.postgres.run_writes import RunWrites
from connectors.postgres.runs import Runs
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.registry import build_providers
from connectors.redis.claims import RedisClaims
from connectors.redis.client import connect, ping
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import RedisHolds
from connectors.redis.response_cache import RedisResponseCache
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import REGISTRY, load_entry_points
from connectors.tools.environment import environment_of
from connectors.tools.metrics import ToolMetrics
from schemas.settings import Settings
from schemas.spec.policy import TIERS
from services.budgets.definitions import BudgetDefinitions
from services.calls.cancellation import Cancellations
from services.calls.pipeline import call_stages, compose
from services.calls.ports import CallPorts
from services.routing.router import RouteTable
from services.runs.admission_required import Turns
from services.runs.large_inputs import LargeInputs
from services.runs.signals import SignalSender
from services.runs.submit import Submissions
from services.workflows.resolver import WorkflowResolver
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import BudgetsFold
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.chained import goes_on
from streams.process.dependencies import Ask
from streams.process.metrics import TakeTimes
from streams.process.role import RoleApp, TickApp
from streams.roles.admission import AdmissionQueueCollector, PoolAnnouncer, fire_nothing
from streams.roles.analytics import AnalyticsSink
from streams.roles.budgets import PresumedSettlements
from streams.roles.history import HistorySink
from streams.roles.ingress import Ingress
from streams.roles.live import Live
from streams.roles.scheduler import TICK_S, Scheduler
from streams.roles.worker.attempt import Attempts
from streams.roles.worker.executor import Executor
from streams.roles.worker.heartbeat import Heartbeat, voice
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.poll_handler import Worker
from streams.roles.worker.producer import Outbox
from streams.runtime.consumer.batch_delay import BatchDelay
from streams.runtime.consumer.poll import PollHandler
from streams.runtime.consumer.transport import PollApp
from streams.runtime.dead_letters import dead_letter
from streams.runtime.routing import to_out
from streams.runtime.sink import SinkAgent
from streams.runtime.table import crash_points
from streams.runtime.table.agent import TableAgent, never_lingers
from streams.runtime.table.inbox import CatalogueInbox
from streams.runtime.table.timers import fire_run_timers
from topics import catalogue
from topics.codec import decode

#: A write to PostgreSQL or ClickHouse takes a whole batch; what is slower than this is down.
SINK_TIMEOUT_S = 15.0
#: A worker fetches little: what it has no room for stays in the log.
WORKER_FETCH_BYTES = 256 * 1024
#: Of each partition, and analytics reads four topics: what is fetched ahead is memory.
ANALYTICS_FETCH_BYTES = 512 * 1024
#: Holds of calls in flight are asserted again within a third of a lease; twice a lease covers a slow one.
RESTORE_GRACE_LEASES = 2
#: Every insert into ClickHouse makes a part, which it merges later, so few and large ones. Milliseconds: least, most.
ANALYTICS_REST_MS = 500.0, 1_000.0
#: Readers see a run's steps this much later; under load its views gather, and of each run only the newest is written.
HISTORY_REST_MS = 40.0, 400.0
#: Watchers see a change at most this much later. With nobody watching, polls are most of what the role costs: at 20 ms
#: it was 0.037 ms of CPU a run of three steps at 900 runs/s, and 0.072 ms at 300 runs/s.
LIVE_REST_MS = 50.0, 100.0
#: A sink rests a millisecond for each record of its last write.
SINK_MS_PER_RECORD = 1.0
#: A write of so many records is a backlog's, and the next one starts at once.
SINK_ENOUGH = 2_000


@dataclass
class House:
    """What the roles of one process share, and how it is closed."""

    settings: Settings
    log: KafkaLog
    redis: Redis
    registry: CollectorRegistry
    takes: TakeTimes
    clock: WallClock = field(default_factory=WallClock)
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def database(self) -> Database:
        """Return a pool of the role's own, closed with the process."""
        database = Database(self.settings.postgres.dsn.get_secret_value(), max_connections=4, timeout_s=SINK_TIMEOUT_S)
        self.closers.append(database.close)
        return database

    def bus(self, role: str) -> PubSub:
        """Return the role's own connection to NATS, closed with the process; without ``NATS_URL`` one to nobody."""
        if not self.settings.nats.url.get_secret_value():
            return NoPubSub()
        nats = Nats(self.settings.nats.url.get_secret_value(), f"agentflow-{role}")
        nats.start()
        self.closers.append(nats.stop)
        return nats

    async def dead_letter(self, record: InRecord, reason: str, message: str) -> None:
        """Put a record aside and wait for the acknowledgement."""
        await self.log.append([dead_letter(record, reason, message, self.clock.now_ms())])

    def checkpoints(self, table: str) -> KafkaCheckpoints:
        """Return where a table's checkpoints are kept."""
        return KafkaCheckpoints(self.settings.kafka.bootstrap, table)

    def crash_point(self) -> crash_points.CrashPoint:
        """Return where this process is to crash, which only tests ask for."""
        return (
            crash_points.CrashAt(self.settings.process.crash_point)
            if self.settings.process.crash_point
            else crash_points.no_crash
        )

    def app(self, role: str, handler: PollHandler, *topics: str, **options: Any) -> PollApp:
        """Return the role's Faust app."""
        return PollApp(
            f"agentflow.{role}",
            bootstrap=self.settings.kafka.bootstrap,
            handler=handler,
            topics_read=topics,
            session_timeout_ms=self.settings.kafka.session_timeout_ms,
            instance_id=self.settings.kafka.group_instance_id,
            client_id=f"agentflow-{role}",
            **options,
        )


def ingress(house: House) -> PollApp:
    """Submissions and signals from other systems."""
    settings = house.settings
    database = house.database()
    submissions, history, markers = _submissions(house, database)
    signals = SignalSender(
        history=history,
        markers=markers,
        workflows=Workflows(database),
        objects=open_objects(settings.objects.url, settings.objects.directory, s3_access(settings.objects)),
        appender=DeadlineAppender(house.log, SINK_TIMEOUT_S),
        redis=house.redis,
        partitions=settings.kafka.partitions,
        timeout_s=SINK_TIMEOUT_S,
    )
    write = Ingress(submissions, signals, house.dead_letter).write
    handler = SinkAgent(
        "ingress",
        open_record=lambda record: record,
        write=lambda items: write([record for record, _ in items]),
        log_=house.log,
        clock=house.clock,
        poll_records=500,
    )
    pattern = rf"^{catalogue.SUBMISSIONS}\.(?!dlq$).+$"
    return house.app("ingress", handler, pattern=pattern)


def orchestrator(house: House) -> PollApp:
    """The fold of ``run-events``."""
    settings = house.settings
    handler = TableAgent(
        topic=catalogue.RUN_EVENTS,
        fold=RunFold(
            chain_steps=settings.tables.chain_steps, keep_finished_ms=int(settings.tables.keep_finished_s * 1000)
        ),
        inbox=CatalogueInbox(),
        table=RedisTable(house.redis, catalogue.TABLE_RUNS),
        checkpoints=house.checkpoints(catalogue.TABLE_RUNS),
        checkpoint_ms=house.settings.tables.checkpoint_interval_ms,
        log_=house.log,
        clock=house.clock,
        fire=fire_run_timers,
        goes_on=(lambda record: goes_on(record.value)) if settings.tables.chain_steps else never_lingers,
        on_taken=house.takes.of("orchestrator"),
        crash_point=house.crash_point(),
    )
    return house.app("orchestrator", handler, catalogue.RUN_EVENTS)


def budgets(house: House) -> PollApp:
    """The fold of ``cost-events``."""
    settings = house.settings
    holds = RedisHolds(house.redis, BudgetDefinitions(), settings.kafka.partitions, settings.tables.hold_ttl_ms)
    handler = TableAgent(
        topic=catalogue.COST_EVENTS,
        fold=BudgetsFold(),
        inbox=CatalogueInbox(),
        table=RedisTable(house.redis, catalogue.TABLE_BUDGETS, foreign_timers=True),
        checkpoints=house.checkpoints(catalogue.TABLE_BUDGETS),
        checkpoint_ms=settings.tables.checkpoint_interval_ms,
        log_=house.log,
        clock=house.clock,
        fire=PresumedSettlements(holds).fire,
        on_taken=house.takes.of("budgets"),
        restore_grace_ms=RESTORE_GRACE_LEASES * settings.worker.claim_lease_ms,
        crash_point=house.crash_point(),
    )
    return house.app("budgets", handler, catalogue.COST_EVENTS)


def admission(house: House) -> PollApp:
    """The fold of ``admissions``."""
    settings = house.settings
    pool = PoolAnnouncer(house.log, settings.tables.admission_pool)
    pool.start()
    house.closers.append(pool.stop)
    handler = TableAgent(
        topic=catalogue.ADMISSIONS,
        fold=AdmissionsFold(),
        inbox=CatalogueInbox(),
        table=RedisTable(house.redis, catalogue.TABLE_ADMISSIONS),
        checkpoints=house.checkpoints(catalogue.TABLE_ADMISSIONS),
        checkpoint_ms=settings.tables.checkpoint_interval_ms,
        log_=house.log,
        clock=house.clock,
        fire=fire_nothing,
        on_taken=house.takes.of("admission"),
        crash_point=house.crash_point(),
    )
    house.registry.register(AdmissionQueueCollector(handler.partitions))
    return house.app("admission", handler, catalogue.ADMISSIONS)


def worker(house: House) -> PollApp:
    """Attempts of steps."""
    settings, clock = house.settings, house.clock
    worker_id = settings.worker.id or f"{socket.gethostname()}-{id(house):x}"
    load_entry_points()
    metrics = WorkerMetrics(house.registry)
    house.registry.register(ToolMetrics())
    outbox = Outbox(house.log, clock)
    objects = open_objects(settings.objects.url, settings.objects.directory, s3_access(settings.objects))
    aborts = Cancellations(clock)
    house.bus("worker").subscribe(CANCELS, lambda _, run_id: aborts.end(run_id.decode()))
    executor = Executor(
        worker_id=worker_id,
        registry=REGISTRY,
        call_model=compose(call_stages(_call_ports(house, objects, outbox, aborts))),
        objects=objects,
        clock=clock,
        documents_dir=Path(settings.tools.documents_dir),
        world=environment_of(settings, os.environ),
        aborts=aborts,
    )
    attempts = Attempts(
        worker_id=worker_id,
        claims=RedisClaims(house.redis, settings.kafka.partitions, worker_id, settings.worker.claim_lease_ms),
        executor=executor,
        outbox=outbox,
        route=to_out,
        clock=clock,
        metrics=metrics,
        lease_ms=settings.worker.claim_lease_ms,
    )
    handler = Worker(
        attempts=attempts, outbox=outbox, clock=clock, metrics=metrics, concurrency=settings.worker.concurrency
    )
    lanes = _lanes(settings.worker.queues)
    say = voice(worker_id, lanes, settings.worker.concurrency, lambda: handler.in_flight, clock.now_ms())
    heart = Heartbeat(WorkerRegistry(house.redis), say)
    heart.start()
    house.closers.append(heart.stop)
    return house.app("worker", handler, *lanes, fetch_bytes=WORKER_FETCH_BYTES, drain_s=settings.worker.drain_s)


def _lanes(queues: str) -> list[str]:
    """Return the topics that a worker reads. Raises ``ValueError`` for a setting that names none, or not well."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    if not names:
        raise ValueError(f"WORKER_QUEUES={queues!r} names no queue; leave it out to serve gold, silver and bronze")
    own = [name for name in names if name not in TIERS]
    if own:
        catalogue.queue_topics(own)
    return [catalogue.lane(name) for name in dict.fromkeys(names)]


def _call_ports(house: House, objects: Objects, outbox: Outbox, aborts: Cancellations) -> CallPorts:
    settings = house.settings
    definitions = BudgetDefinitions()
    follower = DefinitionsFollower(settings.kafka.bootstrap, definitions.apply, definitions.mark_loaded)
    follower.start()
    house.closers.append(follower.stop)
    behaviour = LocalBehaviour(
        latency_ms=settings.providers.local_latency_ms,
        error_rate=settings.providers.local_error_rate,
        rate_limit_per_s=settings.providers.local_rate_limit_per_s,
    )
    providers = build_providers(
        openai_api_key=settings.providers.openai_api_key.get_secret_value(),
        openai_base_url=settings.providers.openai_base_url,
        local_url=settings.providers.local_url,
        behaviour=behaviour,
    )
    for provider in providers.values():
        house.closers.append(provider.close)
    return CallPorts(
        providers=providers,
        router=RouteTable(),
        prices=PriceBook.load(settings.providers.prices_file),
        holds=RedisHolds(house.redis, definitions, settings.kafka.partitions, settings.tables.hold_ttl_ms),
        announce=lambda call: outbox.send([to_out(call)]),
        cache=RedisResponseCache(house.redis),
        objects=objects,
        clock=house.clock,
        aborts=aborts,
        hold_ttl_ms=settings.tables.hold_ttl_ms,
        lease_ms=settings.worker.claim_lease_ms,
    )


def history(house: House) -> PollApp:
    """Run views to PostgreSQL."""
    sink = HistorySink(RunWrites(house.database()))
    handler = SinkAgent(
        "history",
        open_record=_decoded,
        write=sink.write,
        log_=house.log,
        clock=house.clock,
        gathering=_gathering(*HISTORY_REST_MS),
    )
    return house.app("history", handler, catalogue.RUN_VIEWS)


def analytics(house: House) -> PollApp:
    """Money, calls, spans and steps to ClickHouse."""
    clickhouse = ClickHouse(house.settings.clickhouse.url.get_secret_value(), house.settings.clickhouse.database)
    house.closers.append(clickhouse.close)
    handler = SinkAgent(
        "analytics",
        open_record=_decoded,
        write=AnalyticsSink(clickhouse).write,
        log_=house.log,
        clock=house.clock,
        gathering=_gathering(*ANALYTICS_REST_MS),
    )
    read = (catalogue.COST_EVENTS, catalogue.PROVIDER_CALLS, catalogue.TRACE_SPANS, catalogue.RUN_VIEWS)
    return house.app("analytics", handler, *read, fetch_bytes=ANALYTICS_FETCH_BYTES)


def live(house: House) -> PollApp:
    """Run views to whoever watches, as they come."""
    handler = SinkAgent(
        "live",
        open_record=lambda record: record,
        write=Live(house.bus("live"), house.clock).write,
        log_=house.log,
        clock=house.clock,
        gathering=_gathering(*LIVE_REST_MS),
    )
    return house.app("live", handler, catalogue.RUN_VIEWS)


def _gathering(min_ms: float, max_ms: float) -> BatchDelay:
    return BatchDelay(min_ms=min_ms, max_ms=max_ms, ms_per_record=SINK_MS_PER_RECORD, enough=SINK_ENOUGH)


def _decoded(record: InRecord) -> Any:
    return decode(record.topic, record.value)


def scheduler(house: House) -> TickApp:
    """Runs of schedules and backfills."""
    database = house.database()
    submissions, history, markers = _submissions(house, database)
    ticker = Scheduler(
        Schedules(database),
        Backfills(database),
        submissions,
        history,
        markers,
        DeadlineAppender(house.log, SINK_TIMEOUT_S),
        house.clock,
        house.registry,
    )
    return TickApp("scheduler", ticker, TICK_S)


def _submissions(house: House, database: Database) -> tuple[Submissions, Runs, SubmissionMarkers]:
    """Return the path of submissions, with the history and the markers that it asks."""
    settings = house.settings
    history = Runs(database)
    markers = SubmissionMarkers(house.redis, settings.kafka.partitions, SINK_TIMEOUT_S)
    plans = WorkflowResolver(Workflows(database), Prompts(database))
    appender = DeadlineAppender(house.log, SINK_TIMEOUT_S)
    objects = open_objects(settings.objects.url, settings.objects.directory, s3_access(settings.objects))
    large_inputs = LargeInputs(objects, settings.objects.max_inputs_bytes)
    turns = Turns(RunLimits(database), settings.tables.admission_pool)
    return (
        Submissions(plans, markers, history, appender, large_inputs, settings.security.capture, turns=turns),
        history,
        markers,
    )


#: What each role cannot work without; the table of roles in ``docs/operations.md`` says the same.
NEEDS: dict[str, tuple[str, ...]] = {
    "ingress": ("kafka", "redis", "postgres"),
    "orchestrator": ("kafka", "redis"),
    "worker": ("kafka", "redis"),
    "budgets": ("kafka", "redis"),
    "admission": ("kafka", "redis"),
    "history": ("kafka", "postgres"),
    "analytics": ("kafka", "clickhouse"),
    "scheduler": ("kafka", "redis", "postgres"),
    "live": ("kafka",),
}
#: What a role uses and does without, where a deployment has it.
USES: dict[str, tuple[str, ...]] = {"worker": ("nats",), "live": ("nats",)}
#: No role waits for these.
OPTIONAL = frozenset({"nats"})


def questions(house: House, roles: Iterable[str]) -> dict[str, Ask]:
    """Return how each dependency of roles is asked whether it is there, on connections of the asker's own."""
    settings = house.settings
    needed = {name for role in roles for name in NEEDS[role]}
    asked: dict[str, Ask] = {"kafka": house.log.ping}
    if "redis" in needed:
        redis = connect(settings.redis.url.get_secret_value())
        house.closers.append(redis.aclose)
        asked["redis"] = lambda: ping(redis)
    if "postgres" in needed:
        database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1, timeout_s=SINK_TIMEOUT_S)
        house.closers.append(database.close)
        asked["postgres"] = database.ping
    if "clickhouse" in needed:
        clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
        house.closers.append(clickhouse.close)
        asked["clickhouse"] = clickhouse.ping
    if settings.nats.url.get_secret_value() and any("nats" in USES.get(role, ()) for role in roles):
        nats = Nats(settings.nats.url.get_secret_value(), "agentflow-ping")
        nats.start()
        house.closers.append(nats.stop)
        asked["nats"] = nats.ping
    return asked


ROLES: dict[str, Callable[[House], RoleApp]] = {
    "ingress": ingress,
    "orchestrator": orchestrator,
    "worker": worker,
    "budgets": budgets,
    "admission": admission,
    "history": history,
    "analytics": analytics,
    "scheduler": scheduler,
    "live": live,
}
