"""Submit a run by producing one record: a CloudEvent on ``workflow-submissions.<org>``.

    .venv/bin/python examples/submit_over_kafka.py --bootstrap 127.0.0.1:9092 --org default \\
        --workflow document_analysis --inputs '{"document_key": "gettysburg.txt"}'

The topic names the organisation; nothing in the event can change it. ``source`` and ``id`` name the submission: the
same pair with the same data is the same run, however often it comes and by whatever way. Needs ``aiokafka``.
"""

import argparse
import asyncio
import json
import logging
import sys
import uuid
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

EVENT_TYPE = "agentflow.workflow.submit"
TIMEOUT_MS = 10_000

Record = tuple[bytes, list[tuple[str, bytes]]]
"""A record's value and its headers."""


def structured(source: str, event_id: str, data: dict[str, Any]) -> Record:
    """Return the event with everything in the value."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": EVENT_TYPE,
        "datacontenttype": "application/json",
        "data": data,
    }
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    return json.dumps(event, ensure_ascii=False).encode(), headers


def binary(source: str, event_id: str, data: dict[str, Any]) -> Record:
    """Return the event with its data in the value and its attributes in headers."""
    attributes = {"specversion": "1.0", "id": event_id, "source": source, "type": EVENT_TYPE}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return json.dumps(data, ensure_ascii=False).encode(), [*headers, ("content-type", b"application/json")]


async def send(bootstrap: str, topic: str, key: str, record: Record) -> str:
    """Produce the record, acknowledged by all in-sync replicas, and say where it is."""
    value, headers = record
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=TIMEOUT_MS
    )
    try:
        await producer.start()
        # A producer waits long for a topic that may still come; one with a misspelt name never does.
        if topic not in (await producer.client.fetch_all_metadata()).topics():
            raise UnknownTopicOrPartitionError(topic)
        done = await producer.send_and_wait(topic, value, key=key.encode(), headers=headers)
    finally:
        await producer.stop()
    return f"{done.topic}, partition {done.partition}, offset {done.offset}"


def why(exc: KafkaError, bootstrap: str, topic: str) -> str:
    """Return what went wrong and how to mend it."""
    if isinstance(exc, KafkaConnectionError):
        return f"no broker at {bootstrap}: check --bootstrap"
    if isinstance(exc, UnknownTopicOrPartitionError):
        return f"there is no topic {topic}: check --org; `python -m topics create --org ORG` makes one"
    return f"not submitted: {exc}"


def main() -> int:
    """Submit what the command line says; 0 when the log has it."""
    parser = argparse.ArgumentParser(description="Submit a run by producing a CloudEvent.")
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="the Kafka brokers")
    parser.add_argument("--org", default="default", help="the organisation")
    parser.add_argument("--workflow", required=True)
    parser.add_argument("--inputs", default="{}", help="the run's inputs, a JSON object")
    parser.add_argument("--text-file", help="a file whose text becomes the input 'text'")
    parser.add_argument("--source", default="examples", help="who submits")
    parser.add_argument("--id", default=str(uuid.uuid4()), help="the submission's id; default: a new one")
    parser.add_argument("--mode", choices=("structured", "binary"), default="structured")
    args = parser.parse_args()
    inputs: dict[str, Any] = json.loads(args.inputs)
    if args.text_file:
        inputs["text"] = Path(args.text_file).read_text(encoding="utf-8")
    make = structured if args.mode == "structured" else binary
    record = make(args.source, args.id, {"workflow_name": args.workflow, "inputs": inputs})
    topic = f"workflow-submissions.{args.org}"
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what goes wrong is said once, below
    try:
        where = asyncio.run(send(args.bootstrap, topic, args.id, record))
    except KafkaError as exc:
        sys.exit(why(exc, args.bootstrap, topic))
    print(f"submission {args.source}/{args.id} is in {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
