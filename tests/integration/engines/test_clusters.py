"""Engines of several servers: brokers of which any may die, and kinds of Redis that outlive their master."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from redis.exceptions import RedisError

from connectors.redis.client import connect_pipelined
from deploy.local.engines import EngineStack
from deploy.local.engines.cluster_stack import ClusterStack, RedisKind
from deploy.local.engines.errors import EngineError
from deploy.local.engines.several import Several
from deploy.local.engines.tls.files import LocalTls
from topics import clients
from topics.admin import TopicAdmin

TOPIC = {"kept": {}}
PARTITIONS = 3


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["plain", "encrypted"])
def brokers(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Several]:
    with ClusterStack(tmp_path, {"kafka"}, brokers=3, durable=False, tls=request.param) as _:
        pass
    stack = ClusterStack(tmp_path, {"kafka"}, brokers=3, durable=False, tls=request.param)
    with stack:
        kafka = stack.engine("kafka")
        assert isinstance(kafka, Several)
        yield kafka
    with pytest.raises(EngineError, match="has the log of several brokers"):
        ClusterStack(tmp_path, {"kafka"}, durable=False).start()


async def test_what_two_brokers_have_outlives_the_loss_of_each(brokers: Several) -> None:
    async with TopicAdmin(brokers.address) as admin:
        await admin.create(TOPIC, PARTITIONS, 3, 2)
        assert await admin.verify(TOPIC, PARTITIONS, 3, 2) == []
        await admin.create({"alone": {}}, PARTITIONS, 1)
        said = [str(one) for one in await admin.verify({"alone": {}}, PARTITIONS, 3, 2)]
        assert said[0].startswith("alone: has 1 replicas, should have 3; add some with kafka-reassign-partitions")
        # One that was made without the setting has the brokers' own, which is safe here.
        assert len(said) == 1
    producer = clients.producer(brokers.address, enable_idempotence=True, request_timeout_ms=20_000)
    await producer.start()
    sent = 0
    try:
        for victim in brokers.servers:
            victim.kill()
            for _ in range(20):
                await producer.send_and_wait("kept", b"%d" % sent)
                sent += 1
            victim.launch()
            victim.wait_ready()
    finally:
        await producer.stop()
    assert await read_all(brokers.address) == [b"%d" % n for n in range(sent)]


def test_each_broker_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    tls = LocalTls(tmp_path, ("kafka-1", "kafka-2"))
    tls.make()
    first, second = (tls.both_of(name).read_bytes() for name in tls.several)
    assert first != second
    LocalTls(tmp_path, ("kafka-1", "kafka-2", "kafka-3")).make()
    assert tls.both_of("kafka-3").exists()


def test_redis_of_several_servers_is_not_encrypted_here_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="leave out REDIS or TLS"):
        ClusterStack(tmp_path, {"redis"}, redis="cluster", durable=False, tls=True).start()


async def read_all(bootstrap: str) -> list[bytes]:
    consumer = clients.consumer(bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition("kept", partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[bytes] = []
        async with asyncio.timeout(60):
            while len(found) < sum(ends.values()):
                batches = await consumer.getmany(timeout_ms=500)
                found += [record.value for records in batches.values() for record in records]
        return sorted(found, key=int)
    finally:
        await consumer.stop()


@pytest.mark.parametrize("kind", ["cluster", "sentinel"])
async def test_each_kind_of_redis_outlives_its_master_and_a_restart(kind: RedisKind, tmp_path: Path) -> None:
    stack = ClusterStack(tmp_path, {"redis"}, redis=kind, durable=False)
    with stack as endpoints:
        redis, engine = connect_pipelined(endpoints.redis_url), stack.engine("redis")
        assert isinstance(engine, Several)
        await redis.set("k", "1")
        await asyncio.sleep(0.2)  # replication is asynchronous
        engine.servers[0].kill()
        assert engine.pid is None
        async with asyncio.timeout(60):
            while True:
                try:
                    assert await redis.incr("k") in (2, 3)  # twice, if the reply of the first was lost
                    break
                except RedisError:
                    await asyncio.sleep(0.1)
        engine.launch()
        engine.wait_ready()
        assert engine.pid is not None
        await redis.aclose()
    with stack as endpoints:
        redis = connect_pipelined(endpoints.redis_url)
        assert int(await redis.get("k") or 0) >= 2
        await redis.aclose()


def test_the_log_of_one_broker_is_not_taken_for_that_of_three(tmp_path: Path) -> None:
    with EngineStack(tmp_path, {"kafka"}, durable=False):
        pass
    with pytest.raises(EngineError, match="has the log of one broker: start it with BROKERS=1"):
        ClusterStack(tmp_path, {"kafka"}, brokers=3, durable=False).start()
