"""Heartbeats and commits of a group go by connections of their own."""

import asyncio
from collections import defaultdict
from typing import Any, cast

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest

from streams.runtime.consumer.commit_connection import COMMITS, separate_commits

HEARTBEAT = FindCoordinatorRequest("group", 0)
COMMIT = OffsetCommitRequest("group", 1, "member", -1, [])


class Broker:
    """Answers the requests of each connection in their order; commits wait until their replicas are there."""

    def __init__(self) -> None:
        self.replicas = asyncio.Event()
        self.broken = False
        self._in_order: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, node: int, request: Any, *, group: int) -> str:
        assert node == 3
        if self.broken:
            raise KafkaConnectionError("closed")
        async with self._in_order[group]:
            if isinstance(request, OffsetCommitRequest):
                await self.replicas.wait()
            return type(request).__name__


class Coordinator:
    """The part of aiokafka's that sends."""

    def __init__(self) -> None:
        self._client = Broker()
        self.coordinator_id: int | None = 3

    async def _send_req(self, request: Any) -> str:
        return await self._client.send(3, request, group=ConnectionGroup.COORDINATION)

    def coordinator_dead(self) -> None:
        self.coordinator_id = None


class Consumer:
    """A consumer of a group."""

    def __init__(self) -> None:
        self._coordinator = Coordinator()


@pytest.fixture
def coordinator() -> Coordinator:
    consumer = Consumer()
    separate_commits(cast("Any", consumer))
    return consumer._coordinator


async def test_a_heartbeat_does_not_wait_for_a_commit_whose_replicas_are_away(coordinator: Coordinator) -> None:
    commit = asyncio.create_task(coordinator._send_req(COMMIT))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await coordinator._send_req(HEARTBEAT) == "FindCoordinatorRequest"
    assert not commit.done()
    coordinator._client.replicas.set()
    assert await commit == "OffsetCommitRequest"


async def test_the_connection_of_commits_is_none_of_the_librarys() -> None:
    assert COMMITS not in set(ConnectionGroup)


async def test_a_commit_that_meets_a_dead_coordinator_has_it_looked_for_again(coordinator: Coordinator) -> None:
    coordinator._client.broken = True
    with pytest.raises(KafkaConnectionError):
        await coordinator._send_req(COMMIT)
    assert coordinator.coordinator_id is None
    with pytest.raises(GroupCoordinatorNotAvailableError):
        await coordinator._send_req(COMMIT)
