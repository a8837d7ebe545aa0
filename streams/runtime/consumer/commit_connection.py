"""Commits of offsets on a connection of their own, so that heartbeats never wait behind one.

A broker answers the requests of a connection in their order. A commit waits until the replicas of the group's offsets
have it, for up to ``offsets.commit.timeout.ms``, 5 s by default. When a broker dies, the group's new coordinator may
wait that long for the other replica. Heartbeats behind it on the same connection would come after the member's session
was over, and every member would have to join again.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.protocol.commit import OffsetCommitRequest

#: A group of connections beside aiokafka's two, which are 0 and 1.
COMMITS = 2


def separate_commits(client: AIOKafkaConsumer) -> None:
    """Let a started consumer of a group send its commits on another connection."""
    coordinator: Any = client._coordinator  # noqa: SLF001 - no public way
    others = coordinator._send_req  # noqa: SLF001

    async def send(request: Any) -> Any:
        if not isinstance(request, OffsetCommitRequest):
            return await others(request)
        node = coordinator.coordinator_id
        if node is None:
            raise GroupCoordinatorNotAvailableError
        try:
            return await coordinator._client.send(node, request, group=COMMITS)  # noqa: SLF001
        except KafkaError:
            coordinator.coordinator_dead()
            raise

    coordinator._send_req = send  # noqa: SLF001
