"""Reads the topic of one trigger, as a member of the trigger's consumer group, for as long as it is wanted.

The group divides the partitions among processes. Each partition is placed at the stored position before anything is
fetched of it, so the group's own offsets decide nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from connectors.kafka.errors import kafka_errors
from connectors.kafka.log import to_record
from connectors.ports.engine import Bounds, InRecord
from connectors.postgres.triggers.positions import Progress
from connectors.postgres.triggers.stored import StoredTrigger
from schemas.configuration.kafka_access import Bootstrap
from schemas.errors import Unavailable
from streams.roles.triggers.partition import MustPauseError, PartitionPorts, first_offset, take_batch
from streams.runtime.consumer.transport import HEARTBEAT_MS, NEVER_MS
from topics import clients
from topics.groups import group_of

log = logging.getLogger(__name__)

GROUP = group_of("triggers")
#: A submission is an object, a marker and an append: so many are answered within a moment.
POLL_RECORDS = 500
POLL_MS = 500
RETRY_FIRST_S, RETRY_MOST_S = 0.2, 10.0
#: How often the end of an idle topic is stored, so that lag shows.
SEEN_EVERY_S = 5.0

Incarnation = Callable[[str], Awaitable[str]]
"""Returns the cluster's and the topic's id. Raises ``Unavailable``."""
Report = Callable[[str, str | None, bool], Awaitable[None]]
"""Stores a trigger's problem, and pauses it where the last is true. Raises ``Unavailable``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPorts:
    """What readers share."""

    partitions: PartitionPorts
    incarnation: Incarnation
    report: Report
    bootstrap: Bootstrap | str
    session_timeout_ms: int = 6_000


class TopicReader(ConsumerRebalanceListener):
    """Reads until it is stopped. ``trigger`` may be replaced by a newer version of the same one."""

    def __init__(self, trigger: StoredTrigger, ports: ReaderPorts) -> None:
        if trigger.definition.topic is None:
            raise ValueError(f"trigger {trigger.id} reads no topic")
        self.trigger = trigger
        self.topic = trigger.definition.topic.name
        self.lags: dict[tuple[str, int], int] = {}
        self._ports = ports
        self._placed: dict[TopicPartition, int] = {}
        self._stopping = asyncio.Event()
        self._problem: str | None = trigger.problem
        self._task: asyncio.Task[None] | None = None
        self._seen_at = 0.0

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._run(), name=f"trigger {self.trigger.id}")

    async def stop(self, seconds: float) -> None:
        """Let the batch under work end; what is not stored then is read again."""
        self._stopping.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        if not done:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def ended(self) -> bool:
        """Whether it reads no more: it was stopped, or the trigger needs a person."""
        return self._task is not None and self._task.done()

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Forget what others may read now; a batch under work may be repeated by them."""
        for tp in revoked:
            self._placed.pop(tp, None)
            self.lags.pop((tp.topic, tp.partition), None)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Place the partitions before anything of them is fetched: a member may get back what it had."""
        for tp in assigned:
            self._placed.pop(tp, None)

    async def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                await self._read()
                wait_s = RETRY_FIRST_S
            except Unavailable as exc:
                await self._say(str(exc))
            except MustPauseError as exc:
                log.warning("trigger %s is paused: %s", self.trigger.id, exc, extra={"action": "trigger_paused"})
                if await self._say(str(exc), pause=True):
                    return
            except Exception as exc:
                # A defect must not end the other triggers of this process; the next start reads on.
                log.exception("trigger %s failed", self.trigger.id, extra={"action": "trigger_failed"})
                await self._say(f"it failed: {type(exc).__name__}; see the log of the role triggers")
            await self._rest(wait_s)
            wait_s = min(2 * wait_s, RETRY_MOST_S)

    async def _read(self) -> None:
        """Read as one member of the group, until a stop or an error."""
        self._placed.clear()
        consumer = clients.consumer(
            self._ports.bootstrap,
            group_id=f"{GROUP}.{self.trigger.id}",
            client_id="agentflow-triggers",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            session_timeout_ms=self._ports.session_timeout_ms,
            heartbeat_interval_ms=min(HEARTBEAT_MS, self._ports.session_timeout_ms // 3),
            max_poll_interval_ms=NEVER_MS,
            metadata_max_age_ms=5_000,
        )
        try:
            with kafka_errors(f"read {self.topic}"):
                await consumer.start()
            # A subscription to a topic that is missing would only show as a timeout.
            await self._topic(consumer)
            consumer.subscribe([self.topic], listener=self)
            while not self._stopping.is_set():
                await self._place(consumer)
                await self._poll(consumer)
        finally:
            self.lags.clear()
            await consumer.stop()

    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        """Put each new partition to its stored position. Raises ``MustPauseError`` and ``Unavailable``."""
        new = [tp for tp in consumer.assignment() if tp not in self._placed]
        if not new:
            return
        incarnation = await self._ports.incarnation(self.topic)
        for tp in new:
            bounds, start = await self._bounds(consumer, tp)
            offset = await first_offset(self._ports.partitions, self.trigger, tp.partition, incarnation, start, bounds)
            # The group may have taken it away while this waited.
            if tp in consumer.assignment():
                consumer.seek(tp, offset)
                self._placed[tp] = offset

    async def _bounds(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> tuple[Bounds, int]:
        """Return a partition's bounds, and where it begins if it was never read."""
        with kafka_errors(f"bounds of {self.topic}"):
            first = (await consumer.beginning_offsets([tp]))[tp]
            # The end before the time: a record that is written in between is not skipped.
            end = (await consumer.end_offsets([tp]))[tp]
            if self.trigger.definition.topic is None or self.trigger.definition.topic.start == "earliest":
                return Bounds(first, end), first
            found = (await consumer.offsets_for_times({tp: self.trigger.created_ms})).get(tp)
        return Bounds(first, end), end if found is None else found.offset

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        if not self._placed:
            # The group has given the partitions to others, or is about to give us some.
            await self._rest(RETRY_FIRST_S)
            return
        with kafka_errors(f"read {self.topic}"):
            found = await consumer.getmany(*self._placed, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        for tp, records in found.items():
            if tp in self._placed and records[0].offset >= self._placed[tp]:
                await self._take(consumer, tp, [to_record(record) for record in records])
        if self._problem is not None:
            await self._say(None)
        await self._look(consumer)

    async def _take(self, consumer: AIOKafkaConsumer, tp: TopicPartition, records: list[InRecord]) -> None:
        end = consumer.highwater(tp) or 0
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            try:
                done = await take_batch(self._ports.partitions, self.trigger, tp.partition, records, end)
            except Unavailable as exc:
                await self._say(str(exc))
                await self._rest(wait_s)
                wait_s = min(2 * wait_s, RETRY_MOST_S)
                continue
            if tp in self._placed:
                self._placed[tp] = done
                self.lags[tp.topic, tp.partition] = max(0, end - done)
                await self._show(consumer, tp, done)
            return

    async def _show(self, consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> None:
        """Move the group's offset, which is for display."""
        try:
            await consumer.commit({tp: offset})
        except (KafkaError, ValueError) as exc:
            log.debug("the offset of %s was not shown: %r", tp, exc)

    async def _topic(self, consumer: AIOKafkaConsumer) -> None:
        """Wait until the broker has the topic."""
        wait_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            with kafka_errors(f"find {self.topic}"):
                if self.topic in await consumer.topics():
                    return
            await self._say(f"the broker has no topic {self.topic}, or we may not read it")
            await self._rest(wait_s)
            wait_s = min(2 * wait_s, RETRY_MOST_S)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Store now and then where an idle topic ends, and step over offsets that have no records."""
        now = asyncio.get_running_loop().time()
        if now - self._seen_at < SEEN_EVERY_S:
            return
        self._seen_at, positions = now, self._ports.partitions.positions
        for tp, done in list(self._placed.items()):
            end = consumer.highwater(tp)
            if end is None:
                continue
            with kafka_errors(f"position in {self.topic}"):
                at = await consumer.position(tp)
            # Markers of transactions have offsets and are no records.
            if tp in self._placed and self._placed[tp] == done and at > done:
                await positions.advance(self.trigger.id, Progress(tp.partition, at, max(at, end)))
                self._placed[tp] = at
            await positions.seen(self.trigger.id, tp.partition, end)
            self.lags[tp.topic, tp.partition] = max(0, end - self._placed.get(tp, end))

    async def _say(self, problem: str | None, *, pause: bool = False) -> bool:
        """Store a problem where it is new; return whether it is stored."""
        if problem == self._problem and not pause:
            return True
        if problem is not None and not pause:
            log.warning("trigger %s waits: %s", self.trigger.id, problem, extra={"action": "wait"})
        try:
            await self._ports.report(self.trigger.id, None if problem is None else problem[:1_000], pause)
        except Unavailable:
            return False
        self._problem = problem
        return True

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
