"""The triggers role: one reader for each trigger of a topic that is not paused.

Any number of processes may run it. Where there are no triggers, it asks PostgreSQL every other second, and no topic.
"""

import asyncio
import logging

from prometheus_client import CollectorRegistry

from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Triggers
from connectors.prometheus.families import counter
from connectors.schema_registry.client import Access, SchemaRegistry, tls_of
from connectors.schema_registry.decoding import RecordReader
from schemas.configuration.triggers import SchemaRegistry as RegistrySettings
from schemas.metrics import TRIGGER_RECORDS_TOTAL
from schemas.triggers.allowed_topics import AllowedTopics, read_allowed
from services.triggers.records import TriggerRecords
from streams.process.context import RoleContext
from streams.process.role import STOP_S, RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.submission_path import SubmissionPath, known_runs
from streams.roles.triggers.partition import PartitionPorts
from streams.roles.triggers.reader import ReaderPorts, TopicReader
from streams.runtime.consumer.poll import Partition
from topics.catalogue import OWN_TOPICS, RUN_EVENTS

log = logging.getLogger(__name__)

#: A new trigger is read this soon, a paused one stops.
TICK_S = 2.0


class TriggerCounts:
    """Counts records."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = counter(TRIGGER_RECORDS_TOTAL, registry)

    def records(self, outcome: str, number: int) -> None:
        """Count some."""
        if number:
            self._records.labels(outcome).inc(number)


class TriggerReaders:
    """Starts and stops readers as triggers come and go. ``topics`` are those that may be read."""

    def __init__(self, triggers: Triggers, ports: ReaderPorts, topics: AllowedTopics) -> None:
        self._triggers = triggers
        self._ports = ports
        self._topics = topics
        self.readers: dict[str, TopicReader] = {}

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition waits for an upgrade."""
        return {}

    async def tick(self) -> None:
        """Compare readers with triggers. Raises ``Unavailable``."""
        wanted = {one.id: one for one in await self._triggers.readable()}
        gone = [self.readers.pop(one) for one in list(self.readers) if one not in wanted or self.readers[one].ended]
        await asyncio.gather(*(reader.stop(STOP_S) for reader in gone))
        for trigger in wanted.values():
            if trigger.id in self.readers:
                self.readers[trigger.id].trigger = trigger
            elif trigger.definition.topic is not None:
                # The list of the installation may be shorter than when the trigger was made.
                if not self._topics.allows(trigger.org_id, trigger.definition.topic.name):
                    said = f"the topic {trigger.definition.topic.name} is no longer in TRIGGER_TOPICS"
                    await self._triggers.report(trigger.id, said)
                    continue
                self.readers[trigger.id] = TopicReader(trigger, self._ports)
                self.readers[trigger.id].start()

    async def stop(self) -> None:
        """Stop all readers."""
        await asyncio.gather(*(reader.stop(STOP_S) for reader in self.readers.values()))
        self.readers.clear()


class TriggersApp(TickApp):
    """The role's app: the lag of its topics is that of the triggers, the largest where several read one."""

    def __init__(self, name: str, readers: TriggerReaders) -> None:
        super().__init__(name, readers, TICK_S)
        self._readers = readers

    async def stop(self) -> None:
        """Stop looking for triggers, then reading."""
        await super().stop()
        await self._readers.stop()

    def lags(self) -> dict[Partition, int]:
        """Return how many records of each partition are not submitted."""
        found: dict[Partition, int] = {}
        for reader in self._readers.readers.values():
            for partition, lag in reader.lags.items():
                found[partition] = max(lag, found.get(partition, 0))
        return found


def registry_of(settings: RegistrySettings) -> SchemaRegistry | None:
    """Return the schema registry, ``None`` without one. Raises ``ValueError`` for files that cannot be used."""
    if not settings.url:
        return None
    access = Access(
        url=settings.url,
        username=settings.username,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
        certificate_file=settings.certificate_file,
        key_file=settings.key_file,
    )
    tls_of(access)
    return SchemaRegistry(access)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    path = SubmissionPath.of(ctx, known_runs(ctx))
    registry = registry_of(ctx.settings.schema_registry)
    if registry is not None:
        ctx.on_close(registry.close)
    triggers = Triggers(path.database, None)
    partitions = PartitionPorts(
        takes=TriggerRecords(path.submissions, RecordReader(registry)),
        positions=TriggerPositions(path.database),
        appender=path.appender,
        counts=TriggerCounts(ctx.registry),
        clock=ctx.clock,
    )

    async def report(trigger_id: str, problem: str | None, pause: bool) -> None:
        await triggers.report(trigger_id, problem, pause=pause)

    kafka = ctx.settings.kafka
    ports = ReaderPorts(
        partitions=partitions,
        incarnation=ctx.log.incarnation,
        report=report,
        bootstrap=kafka.bootstrap,
        session_timeout_ms=kafka.session_timeout_ms,
    )
    topics = read_allowed(ctx.settings.triggers.topics, OWN_TOPICS)
    return TriggersApp(SPEC.name, TriggerReaders(triggers, ports, topics))


SPEC = RoleSpec(
    name="triggers",
    summary="submits runs for the records of other systems' topics",
    build=build,
    writes=(RUN_EVENTS,),
    needs=(Dependency.KAFKA, Dependency.REDIS, Dependency.POSTGRES),
    uses=(Dependency.VAULT,),
)
