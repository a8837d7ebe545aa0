"""A second process joins a sink's group and leaves it again; nothing is lost, and nobody crashes."""

from uuid import uuid4

from connectors.aio.clock import WallClock
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from streams.runtime.consumer import transport
from streams.runtime.sink import SinkAgent, SinkSpec
from tests.support.polling import until_async
from topics.admin import TopicAdmin

PARTITIONS = 4
SESSION_MS = 3_000


class Member:
    """One process' share of a group, in this process."""

    def __init__(self, bootstrap: str, topic: str, group: str, log: KafkaLog) -> None:
        self.got: list[bytes] = []
        self.sink = SinkAgent(SinkSpec(name="sink", write=self._write), log, WallClock())
        member = transport.Member(bootstrap=bootstrap, session_timeout_ms=SESSION_MS)
        self.app = transport.PollApp(group, self.sink, transport.Reads(topics=(topic,)), member)

    async def _write(self, items) -> None:
        # Slow enough that polls queue up behind a write when the group rebalances.
        await WallClock().sleep(0.05)
        self.got.extend(record.value for record, _ in items)

    @property
    def partitions(self) -> int:
        return len(self.app.consumer.assignment())


async def test_members_come_and_go_and_every_record_is_written(kafka_bootstrap: str) -> None:
    topic, group = f"shared-{uuid4().hex}", f"group-{uuid4().hex}"
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({topic: {}}, PARTITIONS, 1)
    async with KafkaLog(kafka_bootstrap) as log:

        async def send(start: int) -> None:
            for number in range(start, start + 50):
                await log.append([OutRecord(topic, b"k%d" % number, b"%d" % number)])

        first, second = (Member(kafka_bootstrap, topic, group, log) for _ in range(2))
        await first.app.start()
        await send(0)
        await second.app.start()
        await until_async(lambda: second.partitions == PARTITIONS // 2, 30, "the second member has its half")
        await send(50)
        await until_async(lambda: len(set(first.got + second.got)) == 100, 30, "all are written by both")
        assert second.got
        await second.app.stop()
        await until_async(lambda: first.partitions == PARTITIONS, 30, "the first member has everything again")
        await send(100)
        await until_async(lambda: len(set(first.got + second.got)) == 150, 30, "all are written")
        assert not first.app.crashed
        await first.app.stop()
