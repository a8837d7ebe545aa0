"""The example that submits over Kafka: its records on a real broker are the events that ingress reads."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connectors.ports.engine import InRecord
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import EVENT_TYPE
from streams.roles.cloudevents import read_event

ROOT = Path(__file__).parents[3]
TEXT_FILE = ROOT / "examples" / "documents" / "gettysburg.txt"


def submit(bootstrap: str, org: str, mode: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "examples/submit_over_kafka.py", "--bootstrap", bootstrap, "--org", org]
    what = ["--workflow", "map_reduce_analysis", "--inputs", '{"n": 1}', "--text-file", str(TEXT_FILE)]
    return subprocess.run(
        [*command, *what, "--mode", mode, "--source", "büro", "--id", f"id-{mode}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def events(bootstrap: str, topic: str, count: int) -> list[CloudEvent]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[CloudEvent] = []
    try:
        while len(found) < count:
            r = await consumer.getone()
            found.append(read_event(InRecord(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)))
    finally:
        await consumer.stop()
    return found


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_a_produced_record_is_the_submission_asked_for(kafka_bootstrap: str, mode: str) -> None:
    org = f"example-{mode}"
    await create(kafka_bootstrap, f"workflow-submissions.{org}")
    done = submit(kafka_bootstrap, org, mode)
    assert done.returncode == 0, done.stderr
    (event,) = await events(kafka_bootstrap, f"workflow-submissions.{org}", 1)
    assert f"workflow-submissions.{org}" in done.stdout
    assert (event.id, event.source, event.type) == (f"id-{mode}", "büro", EVENT_TYPE)
    text = TEXT_FILE.read_text(encoding="utf-8")
    assert event.data == {"workflow_name": "map_reduce_analysis", "inputs": {"n": 1, "text": text}}


def test_an_organisation_without_a_topic_is_said_in_words(kafka_bootstrap: str) -> None:
    done = submit(kafka_bootstrap, "nobody", "binary")
    assert done.returncode == 1
    assert done.stderr.startswith("there is no topic workflow-submissions.nobody: check --org")


def test_a_broker_that_is_not_there_is_said_in_words() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        done = submit(f"127.0.0.1:{reserved.getsockname()[1]}", "any", "structured")
    assert done.returncode == 1
    assert done.stderr.startswith("no broker at 127.0.0.1:")
