"""A role that stands still says so, whatever holds it up: its own loop, its handler, its group, a missing topic."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from connectors.aio.clock import WallClock
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from streams.process import http
from streams.process.dependencies import Dependencies
from streams.process.health import BEAT_S, EventLoopWatch, Health
from streams.runtime.consumer.transport import Member, PollApp, Reads
from streams.runtime.sink import SinkAgent, SinkSpec
from tests.support.polling import until_async
from tests.support.supervision import Answer, ask
from topics.admin import TopicAdmin

STALL_S = 1.0
DEADLINE_S = 30.0


@dataclass
class Served:
    """A process' health, served as the real one is."""

    health: Health
    port: int

    async def ask(self, page: str = "ready") -> Answer:
        return await asyncio.to_thread(ask, self.port, page)

    async def until(self, status: int, why: str = "") -> Answer:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = await self.ask()
            if answer.status == status and why in answer.reasons:
                return answer
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.05)


@contextmanager
def served(role: str) -> Iterator[Served]:
    health = Health([role], Dependencies({}), stall_s=STALL_S)
    port, stop = http.serve(CollectorRegistry(), health, "127.0.0.1", 0)
    beat, watch = asyncio.create_task(health.beat()), EventLoopWatch(health, every_s=0.1)
    watch.start()
    health.serving = True
    try:
        yield Served(health, port)
    finally:
        beat.cancel()
        watch.end()
        stop()


@pytest.fixture
async def topic(kafka_bootstrap: str) -> str:
    name = f"still-{uuid4().hex}"
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({name: {}}, 2, 1)
    return name


async def test_a_blocked_event_loop_is_told_by_the_other_threads(caplog) -> None:
    with served("sink") as one:
        await one.until(200)
        answers: list[Answer] = []

        def probe() -> None:
            time.sleep(STALL_S + 2 * BEAT_S)
            answers.extend(ask(one.port, page) for page in ("ready", "health"))

        prober = threading.Thread(target=probe)
        prober.start()
        end = time.monotonic() + 3 * STALL_S + 4 * BEAT_S
        while time.monotonic() < end:  # the fault under test: nothing is awaited
            time.sleep(0.05)  # noqa: ASYNC251
        prober.join()
        blocked, alive = answers
        assert blocked.status == 503
        assert "the event loop has been stuck for" in blocked.reasons
        assert alive.status == 200, "a stall that may end by itself needs no restart yet"
        await one.until(200)
        await until_async(lambda: "the event loop runs again" in caplog.messages, DEADLINE_S, "the end is told, too")
    said = [record for record in caplog.records if record.getMessage().startswith("the event loop")]
    assert [record.action for record in said] == ["loop_stuck", "loop_turns"]
    assert "test_a_blocked_event_loop" in said[0].getMessage(), "it says where the loop's thread stands"


async def test_a_loop_that_never_comes_round_again_is_not_alive() -> None:
    with served("sink") as one:
        assert (await one.ask("health")).status == 200
        answers: list[Answer] = []
        prober = threading.Thread(
            target=lambda: (time.sleep(3 * STALL_S + 2 * BEAT_S), answers.append(ask(one.port, "health")))
        )
        prober.start()
        time.sleep(3 * STALL_S + 4 * BEAT_S)  # noqa: ASYNC251 - the fault under test
        prober.join()
    assert answers[0].status == 503


async def test_a_partition_that_stands_still_is_named_until_it_moves(kafka_bootstrap: str, topic: str, caplog) -> None:
    go_on = asyncio.Event()
    written: list[object] = []

    async def write(items) -> None:
        await go_on.wait()
        written.extend(items)

    async with KafkaLog(kafka_bootstrap) as log:
        sink = SinkAgent(SinkSpec(name="sink", write=write), log, WallClock())
        app = PollApp(f"group-{uuid4().hex}", sink, Reads(topics=(topic,)), Member(bootstrap=kafka_bootstrap))
        with served("sink") as one:
            await app.start()
            one.health.apps = {"sink": app}
            await until_async(app.consumer.assignment, DEADLINE_S, "it has its partitions")
            await one.until(200)
            await log.append([OutRecord(topic, b"k", b"v")])
            answer = await one.until(503, f"sink: {topic}/")
            assert "has stalled for" in answer.reasons
            stalled = [
                name for name, p in answer.body["roles"]["sink"]["partitions"].items() if p["still_s"] >= STALL_S
            ]
            assert len(stalled) == 1, "the partition beside it has nothing to do"
            go_on.set()
            await one.until(200)
            await app.stop()
    assert len(written) == 1
    actions = [getattr(record, "action", "") for record in caplog.records if record.name == "streams.process.health"]
    assert actions == ["not_ready", "ready"]


async def test_a_topic_that_is_missing_is_named(kafka_bootstrap: str, caplog) -> None:
    missing = f"missing-{uuid4().hex}"
    caplog.set_level(logging.CRITICAL, "aiokafka")
    async with KafkaLog(kafka_bootstrap) as log:

        async def write(items) -> None:
            raise AssertionError("nothing to write")

        sink = SinkAgent(SinkSpec(name="sink", write=write), log, WallClock())
        app = PollApp(f"group-{uuid4().hex}", sink, Reads(topics=(missing,)), Member(bootstrap=kafka_bootstrap))
        with served("sink") as one:
            await app.start()
            one.health.apps = {"sink": app}
            answer = await one.until(503, missing)
            assert "run `python -m topics create`" in answer.reasons
            await app.stop()
