"""Faust's transport and app with our consumer in it: one app a role, one group, one agent over its polls."""

from dataclasses import dataclass
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.tables.manager import TableManager
from faust.transport.drivers.aiokafka import Transport
from faust.types import TP
from mode.utils.queues import ThrowableQueue

from streams.runtime.consumer.consumer import SETTLE_S, PollConsumer
from streams.runtime.consumer.poll import Partition, PollHandler
from topics import clients

#: How long an idle fetch waits at the broker. A record that comes meanwhile ends the wait at once.
FETCH_WAIT_MS = 500
#: A member learns of a rebalance by the answer to its next heartbeat, and everybody waits for the last one: so this is
#: the pause of a rebalance. A heartbeat is one small request.
HEARTBEAT_MS = 300
#: The client would leave the group when nothing was fetched for long: in a long restore, or with every slot of a worker
#: in a long call. A handler that hangs shows in ``/ready`` instead.
NEVER_MS = 2**31 - 1
#: How long a handler may finish at a stop; nothing of most handlers takes longer.
DRAIN_S = 5.0


class PollTransport(Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = PollConsumer


class NoTables(TableManager):
    """Faust's tables, of which we have none: it would wait a second at its start for some to be declared."""

    async def on_start(self) -> None:
        """Start at once."""
        await self._update_channels()
        await self.recovery.start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process' membership in a role's group.

    ``instance_id`` names this member for good: a new process of that name gets the partitions of the one that died at
    once, and need not wait until the group misses that one.
    """

    bootstrap: str
    client_id: str = "agentflow"
    session_timeout_ms: int = 6_000
    instance_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What a role reads: topics by name, or those that ``pattern`` matches; ``fetch_bytes`` is of each partition.

    ``marks_ends``: its group offsets say whether an owner left in order, see ``streams.runtime.consumer.end_marks``.
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    fetch_bytes: int = 1024 * 1024
    marks_ends: bool = False


class PollApp(faust.App):
    """A Faust app of one role: one group, one handler, one agent over the channel of its polls.

    ``settle_s``: how long a stop waits for the handler before the group is left, where that is not ``SETTLE_S``.
    """

    def __init__(
        self,
        group: str,
        handler: PollHandler,
        reads: Reads,
        member: Member,
        *,
        drain_s: float = DRAIN_S,
        settle_s: float | None = None,
    ) -> None:
        super().__init__(
            group,
            **clients.faust_access(member.bootstrap),
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_commit_interval=1.0,
            broker_session_timeout=member.session_timeout_ms / 1000,
            store="memory://",
            datadir="/nonexistent",
            TableManager=NoTables,
        )
        self.handler = handler
        self.topics_read = reads.topics
        self.pattern = reads.pattern
        self.drain_s = drain_s
        self.settle_s = min(SETTLE_S, drain_s) if settle_s is None else settle_s
        self._reads = reads
        self.marks_ends = reads.marks_ends
        self._member = member
        # Unbounded: the consumer itself fetches no more than OUTSTANDING_POLLS ahead.
        self.polls = self.channel(maxsize=0)
        self.agent(self.polls, name=f"{group}.polls")(self._take_polls)

    def _create_directories(self) -> None:
        """Make none: tables are not Faust's, and a container's root is read only."""

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Any:  # noqa: N802
        """Return a queue that Faust never clears.

        Faust clears its queues around a rebalance, and cancels whoever waits to put. Polls of an earlier assignment
        are told by their tenure; one of the present assignment that vanished would be records lost to a sink.
        """
        return ThrowableQueue(maxsize=maxsize or 0, flow_control=self.flow_control, clear_on_resume=False)

    async def _take_polls(self, stream: Any) -> None:
        async for poll in stream:
            consumer = cast("PollConsumer", self.consumer)
            # One fetched before a rebalance is read again; taken now, it could hide unread records before it.
            if poll.tenure != consumer.tenure:
                continue
            try:
                await self.handler.handle(poll)
            finally:
                consumer.taken(poll)

    def lags(self) -> dict[Partition, int]:
        """Return how many records each assigned partition has that the handler has not finished."""
        if self._consumer is None:
            return {}
        consumer = cast("PollConsumer", self._consumer)
        done = self.handler.commits()
        # Where nothing is done yet, everything since the assignment is still to be done.
        mine: list[Partition] = [(tp.topic, tp.partition) for tp in consumer.assignment()]
        offsets = {p: done.get(p, consumer.begun(p)) for p in mine}
        return {p: max(0, consumer.highwater(TP(*p)) - at) for p, at in offsets.items() if at is not None}

    def unread(self) -> dict[Partition, tuple[int | None, int]]:
        """Return the next offset of each assigned partition, and how many records behind it were not fetched."""
        if self._consumer is None:
            return {}
        consumer = cast("PollConsumer", self._consumer)
        mine = {(tp.topic, tp.partition): consumer.highwater(tp) for tp in consumer.assignment()}
        found = {p: (consumer.next_offset(p), end) for p, end in mine.items()}
        return {p: (at, 0 if at is None else max(0, end - at)) for p, (at, end) in found.items()}

    def joining_since(self) -> float | None:
        """Return since when, in monotonic seconds, the group gives this member nothing; ``None`` while it does."""
        return None if self._consumer is None else cast("PollConsumer", self._consumer).joining_since

    def missing_topics(self) -> list[str]:
        """Return the topics that are read and that the broker does not have."""
        if self._consumer is None:
            return []
        return [topic for topic in self.topics_read if not self._consumer.topic_partitions(topic)]

    def _new_transport(self) -> Any:
        return PollTransport(self.conf.broker_consumer, self)

    def new_client(self) -> AIOKafkaConsumer:
        """Return the group's client, not yet started."""
        return clients.consumer(
            self._member.bootstrap,
            group_id=self.conf.id,
            client_id=self._member.client_id,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            group_instance_id=self._member.instance_id or None,
            session_timeout_ms=self._member.session_timeout_ms,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=NEVER_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=self._reads.fetch_bytes,
            metadata_max_age_ms=5_000,
        )
