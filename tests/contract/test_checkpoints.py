"""One behaviour suite for the Checkpoints port, on memory and on Kafka."""

import asyncio
import gc
from typing import Any
from uuid import uuid4

import pytest

from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.ports.engine import Checkpoints, CheckpointWriter, Kept
from schemas.errors import Fenced, TooLarge, Unavailable
from topics.admin import TopicAdmin
from topics.catalogue import CHECKPOINT_MAX_BYTES, checkpoint_topic, declared

PARTITIONS = 2
ONE, TWO, MARKER = Kept(b"1", b"one"), Kept(b"2", b"two", 77), Kept(b"~marker", b"m")


@pytest.fixture(params=["memory", "kafka"])
async def checkpoints(request: pytest.FixtureRequest, kafka_bootstrap: str):
    if request.param == "memory":
        yield MemoryCheckpoints()
        return
    table = f"t{uuid4().hex}"
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({checkpoint_topic(table): declared("runs.checkpoint").config()}, PARTITIONS, 1)
    yield KafkaCheckpoints(kafka_bootstrap, table)


async def write(checkpoints: Checkpoints, *records: Kept, partition: int = 0) -> None:
    async with checkpoints.writer(partition) as writer:
        await write_with(writer, *records)


async def write_with(writer: CheckpointWriter, *records: Kept) -> None:
    await writer.append(records)
    await writer.commit()


async def fail_in_the_middle(checkpoints: Checkpoints) -> None:
    async with checkpoints.writer(0) as writer:
        await writer.append([TWO])
        raise ZeroDivisionError


async def everything(checkpoints: Checkpoints, partition: int = 0) -> list[Kept]:
    return [kept async for batch in checkpoints.read(partition) for kept in batch]


async def test_an_untouched_partition_has_nothing(checkpoints: Checkpoints) -> None:
    assert await everything(checkpoints) == []
    assert await checkpoints.last(0) is None


async def test_what_is_committed_is_read_in_order_from_its_own_partition(checkpoints: Checkpoints) -> None:
    await write(checkpoints, ONE, TWO, MARKER)
    await write(checkpoints, Kept(b"1", None), MARKER)
    await write(checkpoints, TWO, partition=1)
    newest = (await everything(checkpoints))[-2:]
    assert newest == [Kept(b"1", None), MARKER]
    assert TWO in await everything(checkpoints)
    assert await checkpoints.last(0) == MARKER
    assert await everything(checkpoints, partition=1) == [TWO]


async def test_what_is_not_committed_is_never_seen(checkpoints: Checkpoints) -> None:
    await write(checkpoints, ONE, MARKER)
    async with checkpoints.writer(0) as writer:
        await writer.append([TWO])
    with pytest.raises(ZeroDivisionError):
        await fail_in_the_middle(checkpoints)
    async with checkpoints.writer(0) as writer:
        assert await everything(checkpoints) == [ONE, MARKER]
    assert await checkpoints.last(0) == MARKER


async def test_a_new_writer_fences_the_one_before_and_undoes_what_it_left(checkpoints: Checkpoints) -> None:
    await write(checkpoints, ONE, MARKER)
    async with checkpoints.writer(0) as zombie:
        await zombie.append([TWO, MARKER])
        await write(checkpoints, Kept(b"1", b"heir"), MARKER)
        with pytest.raises((Fenced, Unavailable)):
            await zombie.commit()
    assert [kept.value for kept in await everything(checkpoints) if kept.key != MARKER.key][-1] == b"heir"
    assert TWO not in await everything(checkpoints)


async def test_a_writer_that_was_overtaken_before_it_began_is_fenced(checkpoints: Checkpoints) -> None:
    async with checkpoints.writer(0) as zombie:
        await write(checkpoints, ONE)
        with pytest.raises(Fenced):
            await write_with(zombie, TWO)
    assert await everything(checkpoints) == [ONE]


async def test_partitions_do_not_fence_each_other(checkpoints: Checkpoints) -> None:
    async with checkpoints.writer(0) as writer:
        await write(checkpoints, TWO, partition=1)
        await writer.append([ONE])
        await writer.commit()
    assert await everything(checkpoints) == [ONE]


async def test_much_is_written_and_read_whole(checkpoints: Checkpoints) -> None:
    records = [Kept(b"%d" % number, bytes(300), number) for number in range(10_000)]
    async with checkpoints.writer(0) as writer:
        for at in range(0, len(records), 500):
            await writer.append(records[at : at + 500])
        await writer.append([MARKER])
        await writer.commit()
    assert await everything(checkpoints) == [*records, MARKER]
    assert await checkpoints.last(0) == MARKER


async def test_the_last_record_is_found_behind_much_that_was_undone(checkpoints: Checkpoints) -> None:
    await write(checkpoints, MARKER)
    async with checkpoints.writer(0) as writer:
        await writer.append([ONE] * 3_000)
    async with checkpoints.writer(0):
        assert await checkpoints.last(0) == MARKER


async def test_an_entry_that_no_topic_takes_is_too_large(kafka_bootstrap: str) -> None:
    checkpoints = KafkaCheckpoints(kafka_bootstrap, "runs")
    async with checkpoints.writer(0) as writer:
        with pytest.raises(TooLarge):
            await writer.append([Kept(b"1", bytes(CHECKPOINT_MAX_BYTES))])


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    checkpoints = KafkaCheckpoints("127.0.0.1:1", "runs", call_s=1)
    with pytest.raises(Unavailable):
        async with checkpoints.writer(0):
            pass
    with pytest.raises(Unavailable):
        await checkpoints.last(0)


async def test_a_fenced_writer_leaves_nothing_behind_in_the_loop(checkpoints: Checkpoints) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with checkpoints.writer(0) as zombie:
        await write(checkpoints, ONE)
        with pytest.raises(Fenced):
            await write_with(zombie, TWO)
    gc.collect()
    await asyncio.sleep(0)
    assert said == []
