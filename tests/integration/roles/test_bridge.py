"""The bridge on a real NATS and a real Kafka: nothing is lost, repeated or let through that is no submission."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
from nats.js.api import ConsumerConfig

from connectors.aio.clock import WallClock
from connectors.kafka.log import KafkaLog
from connectors.nats.jetstream import JetStream
from connectors.ports.engine import InRecord
from deploy.local.engines import EngineStack
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.process.context import RoleContext
from streams.process.several import SeveralApps
from streams.roles.bridge import events, submissions
from streams.roles.bridge.events import EventsOut, event_message
from streams.roles.bridge.role import build
from streams.roles.bridge.submissions import DURABLE, SubmissionsIn
from tests.support.api import unique
from tests.support.polling import until_async
from tests.support.topics import read_topic
from topics.admin import TopicAdmin
from topics.catalogue import submissions_topic, wanted

DLQ = "workflow-submissions.dlq"
BODY = {"workflow_name": "greeting", "inputs": {"name": "Ada"}}


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStack]:
    """A server of this file's own, since a stream has one name for all."""
    stack = EngineStack(tmp_path_factory.mktemp("jetstream"), {"nats"}, durable=False)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
async def jetstream(nats: EngineStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JetStream]:
    monkeypatch.setattr(submissions, "WAIT_S", 0.2)
    client = JetStream(nats.endpoints.nats_url, "test")
    yield client
    context = await client._live()
    for name in (submissions.STREAM, events.STREAM):
        try:
            await context.delete_stream(name)
        except Exception:  # noqa: BLE001 - a test may have made none
            continue
    await client.close()


@pytest.fixture
async def log(kafka_bootstrap: str) -> AsyncIterator[KafkaLog]:
    async with KafkaLog(kafka_bootstrap) as log:
        yield log


@pytest.fixture
async def topic(kafka_bootstrap: str) -> str:
    """The submissions of an organisation of the test's own."""
    topic = submissions_topic(unique("org"))
    topics = wanted((topic.rpartition(".")[2],))
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({name: topics[name] for name in (topic, DLQ)}, 4, 1)
    return topic


def subject(topic: str) -> str:
    return f"agentflow.submit.{topic.rpartition('.')[2]}"


class Broken:
    """A log whose broker does not answer."""

    async def append(self, records: object) -> None:
        raise Unavailable("kafka", "down")


def bridge(jetstream: JetStream, log: KafkaLog, counts: Counter[str], appender: object = None) -> SubmissionsIn:
    def count(outcome: str, number: int) -> None:
        counts[outcome] += number

    return SubmissionsIn(jetstream, appender or log, log, WallClock(), count)  # type: ignore[arg-type]


async def test_submissions_are_records_and_poison_is_a_dead_letter_byte_for_byte(
    jetstream: JetStream, log: KafkaLog, topic: str, kafka_bootstrap: str
) -> None:
    counts: Counter[str] = Counter()
    one = bridge(jetstream, log, counts)
    assert await one.tick() == 0  # it makes the stream
    poison = {b"\x00\xfe no JSON": "json", b'{"no": "submission"}': "cloudevent"}
    for number in range(20):
        await jetstream.publish(subject(topic), orjson.dumps(BODY), f"order-{number}", {})
    for data in poison:
        await jetstream.publish(subject(topic), data, data.hex(), {})
    stray = f"agentflow.submit.{unique('nobody')}"
    await jetstream.publish(stray, orjson.dumps(BODY), unique("stray"), {})
    taken = 0
    while taken < 23:
        taken += await one.tick()
    records = await asyncio.to_thread(read_topic, kafka_bootstrap, topic)
    assert {dict(r.headers)["ce_id"].decode() for r in records} == {f"order-{number}" for number in range(20)}
    assert {r.value for r in records} == {orjson.dumps(BODY)}
    letters = [
        dict(r.headers) | {"value": r.value} for r in (await asyncio.to_thread(read_topic, kafka_bootstrap, DLQ))
    ]
    # Other tests' letters are on the topic, too, not all of them with every header.
    own = {
        letter["value"]: letter["af-reason"].decode() for letter in letters if letter.get("af-topic") == topic.encode()
    }
    assert own == poison
    lost = [letter for letter in letters if letter.get("af-topic", b"").decode().endswith(stray.rpartition(".")[2])]
    assert [letter["af-reason"] for letter in lost] == [b"organisation"]
    info = await (await jetstream._live()).consumer_info(submissions.STREAM, DURABLE)
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    assert counts == {"taken": 20, "refused": 3}


async def test_nothing_is_acknowledged_before_the_log_has_it_and_a_repeat_has_the_same_id(
    jetstream: JetStream, log: KafkaLog, topic: str, kafka_bootstrap: str
) -> None:
    counts: Counter[str] = Counter()
    assert await bridge(jetstream, log, counts).tick() == 0
    context = await jetstream._live()
    await context.publish(subject(topic), orjson.dumps(BODY))

    class Dying(Broken):
        """A bridge that dies after its append."""

        async def append(self, records: object) -> None:
            await log.append(records)  # type: ignore[arg-type]
            raise Unavailable("kafka", "the acknowledgement was lost")

    async def until_taken(one: SubmissionsIn) -> None:
        while await one.tick() == 0:
            pass

    for appender in (Broken(), Dying()):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(until_taken(bridge(jetstream, log, counts, appender)), 50)
    await asyncio.wait_for(until_taken(bridge(jetstream, log, counts)), 50)
    records = await asyncio.to_thread(read_topic, kafka_bootstrap, topic)
    assert len(records) == 2
    assert len({dict(r.headers)["ce_id"] for r in records}) == 1
    assert counts == {"taken": 1, "refused": 0}


async def test_events_come_in_order_once_though_they_are_repeated(jetstream: JetStream) -> None:
    org, counts = unique("org"), Counter[str]()

    def count(outcome: str, number: int) -> None:
        counts[outcome] += number

    def item(run: str, what: str) -> tuple[InRecord, events.EventMessage]:
        value = orjson.dumps({"id": f"{run}/{what}", "type": f"run.{what}", "subject": run})
        record = InRecord(f"workflow-events.{org}", 0, 0, 0, run.encode(), value)
        return record, event_message(record)

    batch = [item(run, what) for what in ("waiting", "failed") for run in ("a", "b", "c")]
    out = EventsOut(jetstream, count)
    await out.write(batch)
    await EventsOut(jetstream, count).write(batch)  # a process that did not know of the first one
    context = await jetstream._live()
    stream = await context.find_stream_name_by_subject(f"agentflow.events.{org}.>")
    await context.add_consumer(stream, ConsumerConfig(durable_name=org, filter_subject=f"agentflow.events.{org}.>"))
    listener = await context.pull_subscribe_bind(durable=org, stream=stream)
    got = await listener.fetch(12, timeout=1)
    assert [message.data for message in got] == [event.value for _, event in batch]
    assert {message.headers["Content-Type"] for message in got} == {"application/cloudevents+json"}
    assert got[-1].subject == f"agentflow.events.{org}.run.failed"
    assert counts == {"published": 12}


async def test_lost_server_is_waited_for_and_what_it_kept_comes(
    tmp_path: Path, log: KafkaLog, topic: str, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "WAIT_S", 0.2)
    monkeypatch.setattr("connectors.nats.jetstream.ACK_WAIT_S", 3.0)  # what was with it when it was lost comes then
    stack, counts = EngineStack(tmp_path, {"nats"}, durable=True), Counter[str]()
    stack.start()
    client = JetStream(stack.endpoints.nats_url, "test")
    one = bridge(client, log, counts)
    try:
        assert await one.tick() == 0
        await client.publish(subject(topic), orjson.dumps(BODY), "kept", {})
        one.start()
        await asyncio.to_thread(stack.engines["nats"].restart)
        await until_async(lambda: counts["taken"] == 1, 30, "the message was taken")
    finally:
        await one.stop()
        await client.close()
        stack.stop()
    # A message whose acknowledgement was lost with the server comes again, as the same submission.
    records = await asyncio.to_thread(read_topic, kafka_bootstrap, topic)
    assert {dict(r.headers)["ce_id"] for r in records} == {b"kept"}


async def test_server_without_jetstream_is_named() -> None:
    client = JetStream("nats://127.0.0.1:1", "test")
    with pytest.raises(Unavailable, match="nats"):
        await client.publish("agentflow.submit.acme", b"{}", "1", {})


def context(settings: dict[str, str]) -> RoleContext:
    made = RoleContext.__new__(RoleContext)
    made.settings = Settings.from_env(settings)
    return made


def test_role_does_nothing_unless_it_is_set_and_names_what_it_needs() -> None:
    found = build(context({}))
    assert isinstance(found, SeveralApps)
    assert found.apps == {}
    with pytest.raises(ValueError, match="NATS_URL"):
        build(context({"BRIDGE_EVENTS": "true"}))
