"""Faust's transport and app with our consumer in it: one app a role, one group, one agent over its polls."""

from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport.drivers.aiokafka import Transport
from faust.types import TP
from mode.utils.queues import ThrowableQueue

from streams.runtime.consumer import PollConsumer
from streams.runtime.polls import Partition, PollHandler

#: How long an idle fetch waits at the broker. A record that comes meanwhile ends the wait at once.
FETCH_WAIT_MS = 500


class PollTransport(Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = PollConsumer


class PollApp(faust.App):
    """A Faust app of one role: one group, one handler, one agent over the channel of its polls."""

    def __init__(
        self,
        group: str,
        *,
        bootstrap: str,
        handler: PollHandler,
        topics_read: tuple[str, ...] = (),
        pattern: str | None = None,
        session_timeout_ms: int = 10_000,
        fetch_bytes: int = 1024 * 1024,
        drain_s: float = 5.0,
        client_id: str = "agentflow",
    ) -> None:
        super().__init__(
            group,
            broker=[f"aiokafka://{server}" for server in bootstrap.split(",")],
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_commit_interval=1.0,
            broker_session_timeout=session_timeout_ms / 1000,
            store="memory://",
            datadir="/nonexistent",
        )
        self.handler = handler
        self.topics_read = topics_read
        self.pattern = pattern
        self.drain_s = drain_s
        self._session_timeout_ms = session_timeout_ms
        self._fetch_bytes = fetch_bytes
        self._client_id = client_id
        # Unbounded: the consumer itself fetches no more than OUTSTANDING_POLLS ahead.
        self.polls = self.channel(maxsize=0)
        self.agent(self.polls, name=f"{group}.polls")(self._take_polls)

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
        # Of what was never taken from, everything after the group's offset is still to be done.
        mine: list[Partition] = [(tp.topic, tp.partition) for tp in consumer.assignment()]
        offsets = {p: done.get(p, consumer.next_offset(p)) for p in mine}
        return {p: max(0, consumer.highwater(TP(*p)) - at) for p, at in offsets.items() if at is not None}

    def _new_transport(self) -> Any:
        return PollTransport(self.conf.broker_consumer, self)

    def new_client(self) -> AIOKafkaConsumer:
        """Return the group's client, not yet started."""
        return AIOKafkaConsumer(
            bootstrap_servers=[url.authority for url in self.conf.broker_consumer],
            group_id=self.conf.id,
            client_id=self._client_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=max(300, self._session_timeout_ms // 5),
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=self._fetch_bytes,
            metadata_max_age_ms=5_000,
        )
