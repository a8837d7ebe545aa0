"""Faust's consumer, handing over what one poll fetched instead of one message at a time.

Faust gives the app, its agents, group membership, rebalancing and the life cycle. Three things are replaced through its
own extension points, because they were measured: two asyncio tasks and a queue hop per record; an ack for a
record whose agent raised; positions taken from the group. So this consumer overrides drain, seek, ack and the
creation of the client together:

- the client runs in the app's own loop, not in a thread, and one ``getmany`` is one ``Poll`` on a channel;
- it never seeks by itself: the handler says where each partition goes on (``Control.seek``), or, where it
  says nothing, aiokafka goes on at the group's offset;
- what is committed to the group is the handler's watermark, for monitoring and for roles without a table.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import Consumer
from faust.types import TP
from mode import Service

from connectors.kafka.log import to_record
from streams.runtime.consumer.commit_connection import separate_commits
from streams.runtime.consumer.end_marks import OPEN, EndMarks
from streams.runtime.consumer.linger import drain_linger
from streams.runtime.consumer.poll import Partition, Poll, PollHandler
from topics.partitioner import partition_for

log = logging.getLogger(__name__)

#: How long one ``getmany`` waits before the wish list is asked again.
POLL_MS = 100
#: How long to wait when the handler wants nothing, unless it says earlier (``Control.wake``).
IDLE_S = 0.05
#: How often end offsets are asked for: a consumer that has no room fetches nothing, and so hears of no growth.
ENDS_EVERY_S = 2.0
#: Polls fetched and not yet handled: one is worked on, the next is ready.
OUTSTANDING_POLLS = 2
#: How long short work may end before the group is left at a stop, unless the role says longer: what is published and
#: stored is not read again.
SETTLE_S = 1.0
#: How long a revoke may take to store the watermark, which only spares the next owner some repeats.
STORE_S = 0.5
#: What the group has already is stored again this often, should it have lost it.
STORE_ALL_S = 30.0


class Role(Protocol):
    """What the consumer needs of its app, which is a ``PollApp``."""

    handler: PollHandler
    topics_read: tuple[str, ...]
    pattern: str | None
    drain_s: float
    settle_s: float
    marks_ends: bool
    polls: Any
    consumer_generation_id: int

    def new_client(self) -> AIOKafkaConsumer:
        """Return the group's client, not yet started."""
        ...

    def on_rebalance_start(self) -> None:
        """Begin a rebalance, for Faust."""
        ...


class _Listener(ConsumerRebalanceListener):
    # Faust's own listener, without its thread.

    def __init__(self, consumer: "PollConsumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._consumer.leaving()
        self._consumer.role.on_rebalance_start()
        await self._consumer.handler.revoked({(tp.topic, tp.partition) for tp in revoked})
        await self._consumer.on_partitions_revoked({TP(tp.topic, tp.partition) for tp in revoked})

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        consumer = self._consumer
        tps = {TP(tp.topic, tp.partition) for tp in assigned}
        await consumer.opening(assigned)
        generation = consumer.client._coordinator.generation  # noqa: SLF001 - as Faust's listener does
        consumer.role.consumer_generation_id = generation
        await consumer.on_partitions_assigned(tps, generation)
        await consumer.handler.assigned({(tp.topic, tp.partition) for tp in tps}, consumer)
        consumer.joining_since = None


class PollConsumer(Consumer):
    """A Faust consumer whose drain loop hands over polls. The app is a ``PollApp``."""

    consumer_stopped_errors = (asyncio.CancelledError,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.role = cast("Role", self.app)
        self.handler = self.role.handler
        self.client = self.role.new_client()
        self.tenure = 0
        self.joining_since: float | None = time.monotonic()
        self._outstanding = 0
        self._begun: dict[Partition, int] = {}
        self._ends: dict[TP, int] = {}
        self._stored: dict[TopicPartition, int] = {}
        self._stored_since = time.monotonic()
        self._woken = asyncio.Event()
        self._listener = _Listener(self)
        self._marks = EndMarks(self.client) if self.role.marks_ends else None

    async def on_start(self) -> None:
        """Connect to the brokers."""
        await self.client.start()
        separate_commits(self.client)

    async def on_stop(self) -> None:
        """Leave the group as soon as short work is done, so that others go on; then end what takes longer."""
        await self.handler.settle(self.role.settle_s)
        await self._store_last()
        # A member with a name of its own would stay in the group until its session is over.
        self._forget_instance()
        await self.client.stop()
        await self.handler.drain(self.role.drain_s)

    # What a handler may ask

    def seek(self, partition: Any, offset: int) -> None:  # type: ignore[override]
        """Read a partition from an offset on, if it is still assigned."""
        tp = TopicPartition(*partition)
        if tp in self.client.assignment():
            self.client.seek(tp, offset)
        self.wake()

    def wake(self) -> None:
        """Ask the handler's wishes again now."""
        self._woken.set()

    def behind(self, partition: Partition) -> bool:
        """Whether the last fetch saw records of a partition that were not handed over yet."""
        next_offset = self.next_offset(partition)
        return next_offset is not None and (self.client.highwater(TopicPartition(*partition)) or 0) > next_offset

    def end(self, partition: Partition) -> int:
        """Return the end offset that the last fetch saw; 0 before the first one."""
        return self.client.highwater(TopicPartition(*partition)) or 0

    def left_open(self, partition: Partition) -> bool:
        """Whether the former owner of a partition died, as far as is known; ``False`` of a role without marks."""
        return self._marks is not None and self._marks.left_open(TopicPartition(*partition))

    async def confirms(self) -> bool:
        """Ask the group whether this assignment still holds; ``False`` while that is not known.

        Someone who was away for long does not know yet that the group gave its partitions to others.
        """
        coordinator, tenure = self.client._coordinator, self.tenure  # noqa: SLF001 - no public way
        if coordinator.need_rejoin(self.client._subscription.subscription):  # noqa: SLF001
            return False
        holds = await coordinator._do_heartbeat()  # noqa: SLF001
        return bool(holds and not coordinator._rejoin_needed_fut.done() and tenure == self.tenure)  # noqa: SLF001

    # What metrics ask

    def next_offset(self, partition: Partition) -> int | None:
        """Return the offset that is handed over next; ``None`` while it is not known."""
        tp = TopicPartition(*partition)
        if tp not in self.client.assignment():
            return None
        state = self.client._subscription.subscription.assignment.state_value(tp)  # noqa: SLF001 - no public way
        return cast("int | None", state.position if state is not None and state.has_valid_position else None)

    def begun(self, partition: Partition) -> int | None:
        """Return where this assignment began to read a partition, or will; ``None`` while it is not known."""
        return self._begun.get(partition, self.next_offset(partition))

    @Service.task
    async def _watch_ends(self) -> None:
        while not self.should_stop:
            await self.sleep(ENDS_EVERY_S)
            try:
                self._ends = dict(await self.highwaters(*self.assignment()))
            except Exception as exc:  # noqa: BLE001 - a display must not end the role
                log.debug("end offsets are not known: %s", exc, extra={"action": "ends_unknown"})

    # Faust's abstract interface

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to the app's own topics; Faust's conductor knows only our channel."""
        if self.role.pattern is not None:
            self.client.subscribe(pattern=self.role.pattern, listener=self._listener)
        else:
            self.client.subscribe(topics=self.role.topics_read, listener=self._listener)

    async def perform_seek(self) -> None:
        """Do nothing: positions are the handler's."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Do nothing: positions are the handler's."""
        return {}

    async def _seek(self, partition: TP, offset: int) -> None:
        self.seek((partition.topic, partition.partition), offset)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise TypeError("records are handed over as polls, never as Faust messages")

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
        raise TypeError("records are handed over as polls, never as Faust messages")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.commit()

    def assignment(self) -> set[TP]:
        """Return the current assignment."""
        return {TP(tp.topic, tp.partition) for tp in self.client.assignment()}

    def highwater(self, tp: TP) -> int:
        """Return the end offset that was seen last, 0 before the first time."""
        return max(self.client.highwater(TopicPartition(tp.topic, tp.partition)) or 0, self._ends.get(tp, 0))

    async def position(self, tp: TP) -> int | None:
        """Return the next offset that will be fetched."""
        return cast("int | None", await self.client.position(TopicPartition(tp.topic, tp.partition)))

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek several partitions."""
        for tp, offset in partitions.items():
            self.seek((tp.topic, tp.partition), offset)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the first kept offsets."""
        return await self._offsets(self.client.beginning_offsets, partitions)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the end offsets."""
        return await self._offsets(self.client.end_offsets, partitions)

    async def _offsets(self, ask: Any, partitions: Iterable[TP]) -> Mapping[TP, int]:
        found = await ask([TopicPartition(tp.topic, tp.partition) for tp in partitions])
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    def topic_partitions(self, topic: str) -> int | None:
        """Return a topic's partition count, if it is known."""
        known = self.client.partitions_for_topic(topic)
        return len(known) if known else None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition of a key, as every producer of ours does."""
        count = self.topic_partitions(topic)
        return partition_for(key or b"", count) if partition is None and count else partition

    async def create_topic(self, topic: str, *_: Any, **__: Any) -> None:
        """Refuse: topics are declared in the catalogue and created by its own command."""
        raise PermissionError(f"{topic}: topics are created by `python -m topics create`")

    def close(self) -> None:
        """Nothing to do: ``on_stop`` closes the client."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watch over single messages does not apply; stalls show in the handlers' metrics."""

    async def wait_empty(self) -> None:
        """Nothing is acknowledged one by one, so there is nothing to wait for."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Store the handler's watermark in the group. A failure is only lag in a display."""
        mark = "" if self._marks is None else OPEN
        offsets = {TopicPartition(*p): OffsetAndMetadata(o, mark) for p, o in self.handler.commits().items()}
        if time.monotonic() - self._stored_since > STORE_ALL_S:
            self._stored.clear()
            self._stored_since = time.monotonic()
        assigned = self.client.assignment()
        mine = {tp: at for tp, at in offsets.items() if tp in assigned and self._stored.get(tp) != at.offset}
        return await self._store(mine)

    async def _store(self, mine: Mapping[TopicPartition, OffsetAndMetadata]) -> bool:
        if not mine:
            return True
        try:
            await self.client.commit(dict(mine))
        except (CommitFailedError, IllegalStateError, KafkaError) as exc:
            log.info("group offsets were not stored: %s", exc, extra={"action": "commit_skipped"})
            return False
        self._stored.update((tp, at.offset) for tp, at in mine.items())
        return True

    async def opening(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin an assignment: what is taken from now on would be left open by a death."""
        if self._marks is not None:
            await self._marks.open(assigned)

    async def _store_last(self) -> bool:
        """Store the watermark as that of an owner which leaves in order."""
        if self._marks is None:
            return await self.commit()
        commits = {TopicPartition(*p): offset for p, offset in self.handler.commits().items()}
        assigned = self.client.assignment()
        return await self._store({tp: at for tp, at in self._marks.to_close(commits).items() if tp in assigned})

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(cast("Any", self.can_resume_flow))
                continue
            if self._outstanding >= OUTSTANDING_POLLS:
                await self._idle()
                continue
            batch_delay_s = self.handler.batch_delay_s()
            if batch_delay_s > 0:
                await self.sleep(batch_delay_s)
                continue
            partitions, most = self.handler.wanted()
            mine = [tp for p in partitions if (tp := TopicPartition(*p)) in self.client.assignment()]
            if not mine or most <= 0:
                await self._idle()
                continue
            fetched = await self.client.getmany(*mine, timeout_ms=POLL_MS, max_records=most)
            if fetched:
                self._outstanding += 1
                poll = await self._with_rest(_poll(fetched, self.tenure), mine, most)
                if poll.tenure == self.tenure:
                    for partition, records in poll.records.items():
                        self._begun.setdefault(partition, records[0].offset)
                await self.role.polls.put(poll)

    async def _with_rest(self, poll: Poll, mine: list[TopicPartition], most: int) -> Poll:
        async def fetch(seconds: float, room: int) -> Poll:
            wait_ms = max(1, round(seconds * 1000))
            return _poll(await self.client.getmany(*mine, timeout_ms=wait_ms, max_records=room), poll.tenure)

        return await drain_linger(poll, most, self.handler.linger_s, fetch)

    async def leaving(self) -> None:
        """End an assignment: polls fetched under it count no more."""
        if self.tenure and self.joining_since is None and not self.client._coordinator.member_id:  # noqa: SLF001
            # The group does not know us any more: we were away for long, and another may have our name now. Were we to
            # claim it again, each of us would throw out the other, over and over.
            self._forget_instance()
        self.tenure += 1
        self._outstanding = 0
        self._begun.clear()
        self.joining_since = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._store_last(), STORE_S)
        self._stored.clear()

    def _forget_instance(self) -> None:
        if self.client._coordinator is not None:  # noqa: SLF001 - no public way
            self.client._coordinator._group_instance_id = None  # noqa: SLF001

    def taken(self, poll: Poll) -> None:
        """Note that a poll was handled, so that the next may be fetched."""
        if poll.tenure == self.tenure:
            self._outstanding -= 1
            self.wake()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()


def _poll(fetched: Mapping[TopicPartition, list[Any]], tenure: int) -> Poll:
    return Poll({(tp.topic, tp.partition): [to_record(r) for r in records] for tp, records in fetched.items()}, tenure)
