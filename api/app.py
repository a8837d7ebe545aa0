"""The API's composition root: settings in, a served app out.

A dependency that is down at the start stops nothing: ``/health`` and ``/ready`` answer at once, and each connection is
made when its dependency comes.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis

from api.auth import Authenticator
from api.dependencies import CreateQueues, CreateTopics, Services
from api.http import openapi, problems
from api.http.body_limit import BodyLimit, LargeBodies
from api.http.concurrency_limit import Bound
from api.http.metrics import Measure, Measures
from api.http.role_counters import RoleCounters
from api.live.run_stream import Streams
from api.publisher import Publisher
from api.routers.list import ROUTERS
from connectors.aio import uvloop_patch
from connectors.aio.gc_tuning import tune_collector
from connectors.clickhouse.client import ClickHouse
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.kafka.lag import LaneLag
from connectors.kafka.log import KafkaLog
from connectors.nats.pubsub import Nats
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from connectors.ports.engine import OutRecord
from connectors.ports.pubsub import NoPubSub, PubSub
from connectors.postgres.budgets import Budgets
from connectors.postgres.database import Database
from connectors.postgres.keys import Keys
from connectors.postgres.outbox import Outbox
from connectors.postgres.prompts import Prompts
from connectors.postgres.run_changes import RunFollower
from connectors.postgres.run_limits import RunLimits
from connectors.postgres.run_steps import RunSteps
from connectors.postgres.runs import Runs
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.workflows import Workflows
from connectors.redis.admission_reader import AdmissionReader
from connectors.redis.claim_reader import ClaimReader
from connectors.redis.client import connect_bounded
from connectors.redis.errors import redis_errors
from connectors.redis.signals_reader import SignalsReader
from connectors.redis.spec_reader import SpecReader
from connectors.redis.spend_reader import Spend
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import REGISTRY, load_entry_points
from schemas.errors import TooLarge, TryLater
from schemas.settings import Settings
from services.runs.admission_required import Turns
from services.runs.bulk import Bulk
from services.runs.explain_waiting import Waits
from services.runs.large_inputs import LargeInputs
from services.runs.restart import Restarts
from services.runs.signals import SignalSender
from services.runs.submit import SubmissionPorts, Submissions
from services.workflows.of_run import RunDefinitions
from services.workflows.resolver import WorkflowResolver
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted

logger = logging.getLogger(__name__)

#: No answer takes longer than two seconds, so no single dependency may take all of it.
DEPENDENCY_TIMEOUT_S = 1.5
#: Each waits for one append at most; more of them would only wait in line for the broker.
MAX_SUBMISSIONS_IN_FLIGHT = 512
#: Each reads history every second or two, which is a part of a millisecond of PostgreSQL.
MAX_STREAMS = 256
STREAMS_RETRY_S = 5.0
#: uvicorn's own exit code for an app that did not start.
NOT_STARTED = 3
#: Enough for the submissions of one moment; PostgreSQL's connections are few.
POSTGRES_CONNECTIONS = 12
REDIS_CONNECTIONS = 32
#: The lag of a lane is asked beside history and claims.
LANE_TIMEOUT_S = 0.7
RETRY_S = 1.0
GRACE_S = 10

DESCRIPTION = """
Submit workflow runs, read them, and manage what they use.

Send an API key as `Authorization: Bearer <key>`. Errors are problem details (RFC 9457): `type` is stable, `problems`
names every wrong part of a request with its path and how to mend it. Money is exact: decimal strings.
"""
TAGS = [
    {"name": "workflows", "description": "Named, versioned DAGs of `llm`, `tool` and `function` nodes."},
    {"name": "runs", "description": "Executions of workflows."},
    {"name": "schedules", "description": "Runs at set times."},
    {"name": "prompts", "description": "Versioned prompt templates."},
    {"name": "tools", "description": "What workflows may call: tools and functions."},
    {"name": "budgets", "description": "The most that may be spent, and where it stands."},
    {"name": "limits", "description": "How many runs may run at once."},
    {"name": "access", "description": "API keys and organisations."},
    {"name": "operations", "description": "Life, readiness and metrics; no key needed."},
]


class ApiLog(Protocol):
    """What the API needs of the log; ``connectors.kafka.log.KafkaLog`` is one."""

    async def start(self) -> None:
        """Connect. Raises ``Unavailable``; may be called again then."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect."""
        ...

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append and wait for every acknowledgement. Raises ``Unavailable``."""
        ...

    async def incarnation(self, topic: str) -> str:
        """Return what names this very log; asks the broker. Raises ``Unavailable``."""
        ...


def create_app(
    settings: Settings,
    *,
    log: ApiLog | None = None,
    create_topics: CreateTopics | None = None,
    create_queues: CreateQueues | None = None,
) -> FastAPI:
    """Return the app. ``log`` and the creators of topics stand in for Kafka where a test brings its own."""
    load_entry_points()
    log = log or KafkaLog(settings.kafka.bootstrap, client_id="agentflow-api")
    database = Database(
        settings.postgres.dsn.get_secret_value(), max_connections=POSTGRES_CONNECTIONS, timeout_s=DEPENDENCY_TIMEOUT_S
    )
    redis = connect_bounded(
        settings.redis.url.get_secret_value(), connections=REDIS_CONNECTIONS, timeout_s=DEPENDENCY_TIMEOUT_S
    )
    clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
    nats = Nats(settings.nats.url.get_secret_value(), "agentflow-api") if settings.nats.url.get_secret_value() else None
    creators = create_topics or _topic_creator(settings), create_queues or _queue_creator(settings)
    services = _services(settings, log, database, redis, clickhouse, nats, creators)
    app = FastAPI(
        title="AgentFlow",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=_lifespan(settings, services, log, database, redis, clickhouse, nats),
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    large = LargeBodies(services.authenticator, settings.objects.max_inputs_bytes)
    app.add_middleware(BodyLimit, large=large)
    app.add_middleware(Measure, measures=services.measures)
    return app


def _services(
    settings: Settings,
    log: ApiLog,
    database: Database,
    redis: Redis,
    clickhouse: ClickHouse,
    nats: Nats | None,
    creators: tuple[CreateTopics, CreateQueues],
) -> Services:
    flows, texts, history, keys = Workflows(database), Prompts(database), Runs(database), Keys(database)
    plans = WorkflowResolver(flows, texts)
    markers = SubmissionMarkers(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S)
    appender = DeadlineAppender(log, DEPENDENCY_TIMEOUT_S)
    objects = open_objects(settings.objects.url, settings.objects.directory, s3_access(settings.objects))
    large_inputs = LargeInputs(objects, settings.objects.max_inputs_bytes)
    limits = RunLimits(database)
    turns = Turns(limits, settings.tables.admission_pool)
    ports = SubmissionPorts(
        plans=plans, markers=markers, history=history, appender=appender, large_inputs=large_inputs, turns=turns
    )
    submissions = Submissions(ports, capture=settings.security.capture)
    seen = AdmissionReader(redis, DEPENDENCY_TIMEOUT_S)
    definitions = RunDefinitions(plans, SpecReader(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S))
    restarts = Restarts(history, definitions, large_inputs, settings.security.capture)
    claims = ClaimReader(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S)
    waits = Waits(history, definitions, claims, LaneLag(settings.kafka.bootstrap, LANE_TIMEOUT_S), seen)
    bound = Bound("submissions", MAX_SUBMISSIONS_IN_FLIGHT)
    bus: PubSub = nats or NoPubSub()
    streams = Streams(RunFollower(database), bus, Bound("event streams", MAX_STREAMS, STREAMS_RETRY_S))

    async def kafka_answers() -> None:
        await log.incarnation(RUN_EVENTS)

    async def redis_answers() -> None:
        with redis_errors("ping"):
            await redis.ping()

    return Services(
        workflows=flows,
        prompts=texts,
        budgets=Budgets(database),
        keys=keys,
        runs=history,
        run_steps=RunSteps(database),
        spend=Spend(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
        plans=plans,
        markers=markers,
        submissions=submissions,
        restarts=restarts,
        bulk=Bulk(appender, restarts, submissions, bus),
        waits=waits,
        workers_seen=WorkerRegistry(redis, DEPENDENCY_TIMEOUT_S),
        signals=SignalSender(
            history=history,
            markers=markers,
            workflows=flows,
            objects=objects,
            appender=appender,
            signals=SignalsReader(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
        ),
        schedules=Schedules(database),
        backfills=Backfills(database),
        appender=appender,
        authenticator=Authenticator(keys, settings.security.key_pepper.get_secret_value()),
        publisher=Publisher("definitions", Outbox(database), appender),
        run_limits=limits,
        limits_publisher=Publisher("limits", limits, appender),
        turns=turns,
        admission_seen=seen,
        counters=RoleCounters(redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
        measures=Measures(bound, streams.bound),
        bound=bound,
        bus=bus,
        streams=streams,
        checks={
            "kafka": kafka_answers,
            "redis": redis_answers,
            "postgres": database.ping,
            "clickhouse": clickhouse.ping,
        },
        optional_checks={"nats": nats.ping} if nats else {},
        create_topics=creators[0],
        create_queues=creators[1],
        tools=REGISTRY,
        objects=objects,
    )


def _lifespan(
    settings: Settings,
    services: Services,
    log: ApiLog,
    database: Database,
    redis: Redis,
    clickhouse: ClickHouse,
    nats: Nats | None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(clickhouse.close)
            stack.push_async_callback(redis.connection_pool.aclose)
            stack.push_async_callback(database.close)
            stack.push_async_callback(log.stop)
            if nats is not None:
                nats.start()
                stack.push_async_callback(nats.stop)
            stack.push_async_callback(services.waits.close)
            tasks = [
                asyncio.create_task(_until_done("connect to kafka", log.start)),
                asyncio.create_task(_until_done("store the bootstrap key", lambda: _bootstrap(settings, services))),
                asyncio.create_task(_until_done("create the queues of workflows", lambda: _queues(services))),
                asyncio.create_task(services.publisher.run()),
                asyncio.create_task(services.limits_publisher.run()),
            ]
            stack.push_async_callback(_cancel, tasks)
            yield

    return lifespan


async def _bootstrap(settings: Settings, services: Services) -> None:
    key = None
    if settings.security.api_key.get_secret_value():
        key = services.authenticator.bootstrap(
            settings.api.default_org_id, settings.security.api_key.get_secret_value()
        )
    await services.keys.bootstrap(settings.api.default_org_id, key)
    services.publisher.wake()


async def _queues(services: Services) -> None:
    """Create the topics of queues that workflows name and that a new broker does not have."""
    queues = await services.workflows.queues()
    try:
        if queues:
            await services.create_queues(queues)
    except TooLarge as exc:
        logger.warning("queues of workflows are missing: %s", exc, extra={"action": "too_many_queues"})


async def _until_done(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Try until it works; say so once when it does not at first."""
    said = False
    while True:
        try:
            await work()
            return
        except TryLater as exc:
            if not said:
                logger.warning("cannot %s yet: %s", what, exc, extra={"action": "dependency_down"})
                said = True
            await asyncio.sleep(RETRY_S)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _topic_creator(settings: Settings) -> CreateTopics:
    async def create(org_id: str) -> None:
        async with TopicAdmin(settings.kafka.bootstrap) as admin:
            await admin.create(wanted((org_id,)), settings.kafka.partitions, settings.kafka.replication)

    return create


def _queue_creator(settings: Settings) -> CreateQueues:
    async def create(queues: Collection[str]) -> None:
        async with TopicAdmin(settings.kafka.bootstrap) as admin:
            await admin.create_queues(queues, settings.kafka.partitions, settings.kafka.replication)

    return create


def _leave(*_: object) -> None:
    sys.exit(0)


class _Server(uvicorn.Server):
    """Ends the event streams when it is told to stop; it waits for open responses, and they would not end."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        self._streams.close()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Its traceback for every probe of a server that is down would hide the one line that says so.
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
    # uvicorn raises the signal again once it has stopped cleanly, which would end the process as if it had crashed.
    signal.signal(signal.SIGTERM, _leave)
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as exc:
        sys.exit(str(exc))
    if not settings.security.key_pepper.get_secret_value():
        logger.warning("KEY_PEPPER is not set: a stolen table of key hashes would be easier to use")
    uvloop_patch.install()
    tune_collector()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        loop="uvloop",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        log_config=None,
    )
    server = _Server(config, app.state.services.streams)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(NOT_STARTED)
