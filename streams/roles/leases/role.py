"""The role of leases. It reads a queue only while users' workers ask for leases of it, in the group of our workers.

So a queue may be served by workers of both kinds at once: each partition has one reader, and a claim has one owner. A
queue that nobody asks for is left to others, or stays in the log.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress

from aiokafka.errors import KafkaError

from connectors.kafka.definitions_consumer import DefinitionsFollower
from connectors.provider_facts import load_facts
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts
from schemas.errors import Unavailable
from schemas.records.base import Record
from schemas.records.definitions import Definition
from services.runs.attempts.model_guard import LentModelGuard
from services.runs.attempts.tool_guard import ToolGuard
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.leases.guard import LendingGuard
from streams.roles.leases.lending import Lending
from streams.roles.leases.metrics import LeaseMetrics
from streams.roles.leases.queue_reader import LeaseParts, QueueReader
from streams.roles.worker.producer import Outbox
from streams.runtime.consumer.poll import Partition
from streams.runtime.consumer.transport import Member, PollApp, Reads
from streams.runtime.routing import to_out
from topics import catalogue
from topics.groups import group_of

log = logging.getLogger(__name__)

#: The consumer group of workers, so that a partition of a queue has one reader.
GROUP = group_of("worker")
TICK_S = 0.25
#: To leave the group.
STOP_S = 10.0
#: A role fetches little: what no worker asks for stays in the log.
FETCH_BYTES = 256 * 1024


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    role = Leases(ctx)
    ctx.on_close(role.close)
    return TickApp(SPEC.name, role, TICK_S)


class Leases:
    """Reads the queues that leases are asked of."""

    def __init__(self, ctx: RoleContext) -> None:
        self._ctx = ctx
        self._desk = LeaseDesk(ctx.redis)
        self._claims = LentAttempts(ctx.pipelined(), ctx.settings.kafka.partitions)
        self._outbox = Outbox(ctx.log, ctx.clock)
        name = f"leases-{socket.gethostname()}"
        self._lending = Lending(name, self._claims, self._desk, self._outbox, ctx.clock, self._guard())
        self._metrics = LeaseMetrics(ctx.registry)
        self._shown: set[str] = set()
        self._readers: dict[str, tuple[PollApp, QueueReader]] = {}

    @property
    def reads(self) -> frozenset[str]:
        """The topics that are read now."""
        return frozenset(self._readers)

    async def tick(self) -> None:
        """Begin to read queues that leases are requested of, and leave the others. Raises what ended a reader."""
        asked = {topic for topic in await self._desk.queues() if catalogue.is_queue(topic)}
        for topic in asked - self._readers.keys():
            await self._begin(topic)
        for topic, (_, reader) in list(self._readers.items()):
            if topic not in asked and not reader.is_lending:
                await self._leave(topic)
        await self._count()

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        return {p: why for _, reader in self._readers.values() for p, why in reader.paused().items()}

    async def close(self) -> None:
        """Leave all queues."""
        for topic in list(self._readers):
            await self._leave(topic)
        await self._outbox.close()

    def _guard(self) -> LendingGuard:
        ctx, policies = self._ctx, KnownPolicies()
        facts = KnownFacts(load_facts(ctx.settings.providers.facts_file))

        def apply(definition: Definition) -> None:
            policies.apply(definition)
            facts.apply(definition)

        def loaded() -> None:
            policies.mark_loaded()
            facts.mark_loaded()

        follower = DefinitionsFollower(ctx.settings.kafka.bootstrap, apply, loaded)
        follower.start()
        ctx.on_close(follower.stop)

        async def say(records: Sequence[Record]) -> None:
            await self._outbox.send([to_out(one) for one in records])

        tools, models = ToolGuard(policies, say, ctx.clock), LentModelGuard(policies, facts, ctx.clock)
        return LendingGuard(tools, models, ctx.objects(), say, ctx.clock)

    async def _begin(self, topic: str) -> None:
        parts = LeaseParts(
            lending=self._lending,
            claims=self._claims,
            desk=self._desk,
            outbox=self._outbox,
            clock=self._ctx.clock,
            metrics=self._metrics,
        )
        reader = QueueReader(topic, parts)
        app = PollApp(GROUP, reader, Reads(topics=(topic,), fetch_bytes=FETCH_BYTES, marks_ends=True), self._member())
        log.info("leases of %s are requested", topic, extra={"action": "queue_begun"})
        try:
            await app.start()
        except KafkaError as exc:
            # The app cannot be started twice: the next tick makes another one.
            await _stopped(app)
            raise Unavailable("kafka", f"read {topic}: {exc}") from exc
        reader.start()
        self._readers[topic] = app, reader

    async def _leave(self, topic: str) -> None:
        app, _ = self._readers.pop(topic)
        log.info("no leases of %s are requested", topic, extra={"action": "queue_left"})
        await _stopped(app)
        if topic in self._shown:
            self._shown.remove(topic)
            self._metrics.left(topic)

    async def _count(self) -> None:
        readers = {topic: reader for topic, (_, reader) in self._readers.items()}
        for topic, count in (await self._desk.waiting(list(readers)) if readers else {}).items():
            readers[topic].wanted_leases = count
            self._metrics.standing(topic, readers[topic].leases, count)
            self._shown.add(topic)
        for app, reader in self._readers.values():
            if reader.fault is not None or app.crashed:
                raise RuntimeError("the reader of a queue failed") from reader.fault or app.crash_reason

    def _member(self) -> Member:
        # Without a name of its own: a worker of this process may have that name in the same group.
        kafka = self._ctx.settings.kafka
        return Member(
            bootstrap=kafka.bootstrap, client_id="agentflow-leases", session_timeout_ms=kafka.session_timeout_ms
        )


async def _stopped(app: PollApp) -> None:
    """Stop an app; a broker that is gone must not keep the role."""
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(STOP_S):
            await app.stop()


SPEC = RoleSpec(
    name="leases",
    summary="gives steps of queues to users' own workers over HTTP",
    build=build,
    reads=(catalogue.STEP_REQUESTS, catalogue.DEFINITIONS),
    writes=(catalogue.RUN_EVENTS, catalogue.TRACE_SPANS, catalogue.AUDIT_EVENTS),
    needs=(Dependency.KAFKA, Dependency.REDIS),
    uses=(Dependency.VAULT,),
)
