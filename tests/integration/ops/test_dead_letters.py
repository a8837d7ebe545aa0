"""``python -m topics dlq`` on a real broker: what was set aside is found, shown, and goes back as it was."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import Headers, InRecord
from connectors.postgres.database import Database
from schemas.ids import run_id
from schemas.records.run_events import RunSubmitted
from streams.runtime.dead_letters import dead_letter
from tests.support.api import SUBMISSION, migrated_database, running, settings_for, until_authenticated
from tests.support.client import unique
from tests.support.cloudevents import structured
from tests.support.ingress import ingress_of
from tests.support.topics import Message, at_the_limit, produce, produce_all, read_topic
from topics.__main__ import main
from topics.admin import TopicAdmin
from topics.catalogue import MAX_MESSAGE_BYTES, RUN_EVENTS, submissions_topic, wanted
from topics.dead_letters.letter import RETRIES
from topics.partitioner import partition_for

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS = 4
DLQ = "workflow-submissions.dlq"
HEADERS: Headers = (("x-trace", b"\xfe\x00"), ("twice", b"1"), ("twice", b"2"), ("empty", b""))
REASON = "schema"


async def create_topics(bootstrap: str, org: str) -> None:
    topics = wanted((org,))
    async with TopicAdmin(bootstrap) as admin:
        await admin.create({name: topics[name] for name in (submissions_topic(org), DLQ)}, PARTITIONS, 1)


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    """The submissions of an organisation of the test's own."""
    org = unique("org")
    asyncio.run(create_topics(kafka_bootstrap, org))
    return submissions_topic(org)


def set_aside(bootstrap: str, messages: list[Message], reason: str = REASON) -> list[InRecord]:
    """Produce messages, read them as a role would, and put all of them aside; return them as they were read."""
    places = produce(bootstrap, messages)
    read = {(r.topic, r.partition, r.offset): r for r in read_topic(bootstrap, messages[0].topic)}
    records = [read[place] for place in places]
    put_aside(bootstrap, records, reason)
    return records


def put_aside(bootstrap: str, records: list[InRecord], reason: str = REASON) -> None:
    async def append() -> None:
        async with KafkaLog(bootstrap) as log:
            await log.append([dead_letter(r, reason, f"{reason}: no good", now_ms()) for r in records])

    asyncio.run(append())


def now_ms() -> int:
    return int(time.time() * 1000)


class Terminal:
    """The command, with what it said."""

    def __init__(self, bootstrap: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._bootstrap = bootstrap
        self._capsys = capsys

    def run(self, *argv: str, code: int = 0) -> list[str]:
        """Return the lines of a run that ends with ``code``; those of its errors when that is not 0."""
        self._capsys.readouterr()
        answer = main(["dlq", *argv, "--bootstrap", self._bootstrap])
        output = self._capsys.readouterr()
        assert answer == code, output.err
        return (output.err if code else output.out).splitlines()

    def positions(self, *argv: str) -> list[str]:
        """Return the positions that a list prints, in its order."""
        return [row.split()[0] for row in self.run("list", *argv)]


@pytest.fixture
def terminal(kafka_bootstrap: str, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(kafka_bootstrap, capsys)


def added(bootstrap: str, topic: str, before: int) -> list[InRecord]:
    """What a topic has beyond its first records, partition by partition."""
    records = sorted(read_topic(bootstrap, topic), key=lambda r: (r.timestamp_ms, r.partition, r.offset))
    return records[before:]


def original(record: InRecord) -> tuple[Any, ...]:
    return record.key, record.value, tuple(h for h in record.headers if h[0] != RETRIES)


def test_each_is_listed_in_a_line_and_shown_whole(kafka_bootstrap: str, topic: str, terminal: Terminal) -> None:
    value = b'{"a": [1, "\xd0\xb6"]}'
    sent = [Message(topic, b"k", value, HEADERS), Message(topic, b"\xff", b"\x00\xff"), Message(topic, b"k", None)]
    records = set_aside(kafka_bootstrap, sent)
    rows = terminal.run("list", "--topic", topic, "--reason", REASON, "--since", "1h")
    assert len(rows) == 3
    (row,) = [r for r in rows if f"{topic}/{records[0].partition}@{records[0].offset} " in r]
    assert re.match(rf"{DLQ}/\d@\d+  20\S+Z  {REASON}  {topic}/\d@\d+  key=k  attempts=1  {REASON}: no good$", row)
    assert [r for r in rows if "key=0xff" in r] != []
    shown = "\n".join(terminal.run("show", row.split()[0]))
    assert re.search(r"^x-trace +0xfe00$", shown, re.MULTILINE)
    assert re.search(rf"^af-topic +{topic}$", shown, re.MULTILINE)
    assert shown.endswith('\n\n{\n  "a": [\n    1,\n    "ж"\n  ]\n}')


def test_raw_is_the_value_byte_for_byte(
    kafka_bootstrap: str, topic: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    set_aside(kafka_bootstrap, [Message(topic, b"k", bytes(range(256)))])
    assert main(["dlq", "list", "--topic", topic, "--bootstrap", kafka_bootstrap]) == 0
    position = capfdbinary.readouterr().out.split()[0].decode()
    assert main(["dlq", "show", "--raw", position, "--bootstrap", kafka_bootstrap]) == 0
    assert capfdbinary.readouterr().out == bytes(range(256))


def test_lists_are_filtered_and_cut_at_the_newest(kafka_bootstrap: str, topic: str, terminal: Terminal) -> None:
    for number in range(5):
        set_aside(kafka_bootstrap, [Message(topic, b"%d" % number, b"x")], "json" if number == 4 else REASON)
    every = terminal.positions("--topic", topic)
    assert len(every) == 5
    assert terminal.positions("--topic", topic, "--limit", "2") == every[-2:]
    assert terminal.positions("--topic", topic, "--reason", "json") == every[-1:]
    assert terminal.positions("--topic", topic, "--since", "0s") == []
    assert set(every) <= set(terminal.positions("--topic", DLQ, "--limit", "100000"))
    assert set(every) <= set(terminal.positions("--limit", "100000"))


def test_a_reader_that_has_seen_enough_is_no_error(kafka_bootstrap: str, topic: str) -> None:
    set_aside(kafka_bootstrap, [Message(topic, b"k", b"x")])
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-m", "topics", "dlq", "list", "--topic", topic, "--bootstrap", kafka_bootstrap]
    done = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, check=False, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_retry_appends_the_original_bytes_to_the_original_topic(
    kafka_bootstrap: str, topic: str, terminal: Terminal
) -> None:
    sent = [
        Message(topic, b"key", b'["value"]', HEADERS, partition=(partition_for(b"key", PARTITIONS) + 1) % PARTITIONS),
        Message(topic, None, b'"no key"', HEADERS, partition=3),
        Message(topic, b"tombstone", None),
    ]
    records = set_aside(kafka_bootstrap, sent)
    positions = terminal.positions("--topic", topic)
    dry = terminal.run("retry", *positions, "--dry-run")
    assert dry[-1] == "3 would be retried"
    assert len(read_topic(kafka_bootstrap, topic)) == 3
    said = terminal.run("retry", *positions)
    assert said[-1] == "3 retried"
    again = added(kafka_bootstrap, topic, 3)
    assert sorted(map(repr, map(original, again))) == sorted(map(repr, map(original, records)))
    assert {r.key: r.partition for r in again} == {
        b"key": partition_for(b"key", PARTITIONS),
        None: 3,
        b"tombstone": partition_for(b"tombstone", PARTITIONS),
    }
    assert {dict(r.headers)[RETRIES] for r in again} == {b"1"}
    # It says where each one is now.
    places = {f"{r.topic}/{r.partition}@{r.offset}," for r in again}
    assert {row.split()[3] for row in said[:-1]} == places


def test_retries_count_and_a_record_that_died_twice_goes_once(
    kafka_bootstrap: str, topic: str, terminal: Terminal
) -> None:
    set_aside(kafka_bootstrap, [Message(topic, b"k", b'"again"'), Message(topic, b"k", b'"other"')])
    which = ("retry", "--topic", topic, "--reason", REASON)
    assert terminal.run(*which)[-1] == "2 retried"
    (failed,) = [r for r in added(kafka_bootstrap, topic, 2) if r.value == b'"again"']
    put_aside(kafka_bootstrap, [failed])
    assert len(terminal.positions("--topic", topic)) == 3
    assert terminal.run(*which)[-1] == "2 retried"
    newest = added(kafka_bootstrap, topic, 4)
    assert {r.value: dict(r.headers)[RETRIES] for r in newest} == {b'"again"': b"2", b'"other"': b"1"}
    # Set aside for another reason the last time: no longer one of these.
    put_aside(kafka_bootstrap, [r for r in newest if r.value == b'"again"'], "json")
    assert terminal.run(*which)[-1] == "1 retried"
    assert terminal.run(*which, "--limit", "1", "--since", "0s")[-1] == "0 retried"


def test_a_record_as_big_as_its_topic_takes_goes_back_without_the_count(
    kafka_bootstrap: str, topic: str, terminal: Terminal
) -> None:
    big = at_the_limit(Message(topic, b"k", b'"~pad~"', HEADERS), b"~pad~")
    (record,) = set_aside(kafka_bootstrap, [big])
    terminal.run("retry", *terminal.positions("--topic", topic))
    (again,) = added(kafka_bootstrap, topic, 1)
    assert len(again.value or b"") > MAX_MESSAGE_BYTES - 200
    assert (again.key, again.value, again.headers) == (record.key, record.value, record.headers)


def test_a_slip_sends_nothing(kafka_bootstrap: str, topic: str, terminal: Terminal) -> None:
    set_aside(kafka_bootstrap, [Message(topic, b"k", b'"x"')])
    (good,) = terminal.positions("--topic", topic)
    beyond = f"{DLQ}/0@999999999"
    (row,) = terminal.run("retry", good, beyond, code=1)
    assert row.startswith(f"topics dlq retry: {beyond} does not exist: ")
    (row,) = terminal.run("show", f"{DLQ}/99@0", code=1)
    assert f"has {PARTITIONS} partitions" in row
    assert len(read_topic(kafka_bootstrap, topic)) == 1


def test_nothing_goes_to_a_topic_that_is_not_ours(kafka_bootstrap: str, topic: str, terminal: Terminal) -> None:
    place = (("af-partition", b"0"), ("af-offset", b"0"), ("af-reason", b"forged"))
    unknown = f"{topic}.orders".encode()
    absent = submissions_topic(unique("absent")).encode()
    forged = [Message(DLQ, b"k", b"x", (("af-topic", name), *place)) for name in (unknown, RUN_EVENTS.encode(), absent)]
    positions = [f"{t}/{p}@{o}" for t, p, o in produce(kafka_bootstrap, [*forged, Message(DLQ, b"k", b"bare")])]
    said = ["not in the catalogue", "not in the catalogue", "does not have", "not a dead letter of AgentFlow"]
    for position, reason in zip(positions, said, strict=True):
        (row,) = terminal.run("retry", position, code=1)
        assert position in row
        assert reason in row


async def test_a_dead_submission_becomes_a_run_when_it_is_retried_after_its_workflow_is_there(
    kafka_bootstrap: str, postgres_dsn: str, redis_url: str
) -> None:
    settings = settings_for(await asyncio.to_thread(migrated_database, postgres_dsn), redis_url)
    org, event_id = settings.api.default_org_id, unique("event")
    topic = submissions_topic(org)
    await create_topics(kafka_bootstrap, org)
    async with (
        running(settings) as api,
        KafkaLog(kafka_bootstrap) as log,
        Redis.from_url(redis_url) as redis,
    ):
        await until_authenticated(api)

        async def put(record: InRecord, reason: str, message: str) -> None:
            await log.append([dead_letter(record, reason, message, now_ms())])

        database = Database(settings.postgres.dsn.get_secret_value())
        ingress = ingress_of(settings, database, redis, api.log, put)

        ((_, partition, offset),) = await produce_all(kafka_bootstrap, [structured(org, event_id, SUBMISSION)])
        (first,) = await records_at(log, topic, partition, offset)
        await ingress.write([first])
        assert api.log.decoded(RUN_EVENTS) == []

        await api.define_greeting()
        argv = ["dlq", "retry", "--topic", topic, "--reason", "not_found", "--bootstrap", kafka_bootstrap]
        assert await asyncio.to_thread(main, argv) == 0
        (again,) = await records_at(log, topic, partition, offset + 1)
        assert original(again) == original(first)
        await ingress.write([again])
        await database.close()
    (submitted,) = [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]
    assert submitted.run_id == run_id(org, "urn:test:orders", event_id)
    assert json.loads(first.value or b"")["data"]["inputs"] == submitted.inputs


async def records_at(log: KafkaLog, topic: str, partition: int, start: int) -> list[InRecord]:
    end = (await log.bounds(topic, partition)).end
    return [record async for batch in log.read(topic, partition, start, end) for record in batch]
