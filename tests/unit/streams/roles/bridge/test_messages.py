"""Messages of JetStream become records: by every form of a submission, and with a reason where there is none."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson
import pytest

from streams.roles.bridge.messages import taken
from streams.roles.cloudevents import read_event

BODY = {"workflow_name": "greeting", "inputs": {"name": "Ada"}}
EVENT = {"specversion": "1.0", "id": "7", "source": "shop", "type": "agentflow.workflow.submit", "data": BODY}


class Given(NamedTuple):
    """A message of a test."""

    data: bytes = orjson.dumps(BODY)
    headers: Mapping[str, str] = {}
    subject: str = "agentflow.submit.acme"
    stream: str = "S"
    sequence: int = 3
    at_ms: int = 5


def named(message: Given) -> tuple[str, str]:
    found = taken(message)
    assert found.fault is None
    assert found.record.topic == "workflow-submissions.acme"
    assert found.record.value == message.data
    event = read_event(found.record)
    assert event.data == BODY
    return event.source, event.id


@pytest.mark.parametrize(
    ("message", "source_and_id"),
    [
        (Given(orjson.dumps(EVENT)), ("shop", "7")),
        (Given(orjson.dumps(EVENT), {"Content-Type": "application/cloudevents+json; charset=UTF-8"}), ("shop", "7")),
        (Given(headers={"Nats-Msg-Id": "order-7"}), ("nats", "order-7")),
        (Given(headers={"nats-msg-id": "order-7", "x-own": "kept"}), ("nats", "order-7")),
        (Given(), ("nats", "S/3/5")),
        (
            Given(
                headers={
                    "ce-specversion": "1.0",
                    "ce-id": "M%C3%BCller%20%25",
                    "CE-Source": "shop",
                    "ce-type": "agentflow.workflow.submit",
                    "Nats-Msg-Id": "another",
                }
            ),
            ("shop", "Müller %"),
        ),
    ],
)
def test_each_form_has_source_and_id(message: Given, source_and_id: tuple[str, str]) -> None:
    assert named(message) == source_and_id


def test_key_is_of_source_and_id_so_that_a_repetition_is_in_one_partition() -> None:
    first, second = taken(Given(orjson.dumps(EVENT))), taken(Given(orjson.dumps(EVENT), sequence=9))
    assert first.record.key == second.record.key == b"shop/7"


def test_place_in_the_stream_is_in_headers_and_those_of_nats_are_not() -> None:
    record = taken(Given(headers={"Nats-Msg-Id": "a", "x-own": "kept"})).record
    headers = dict(record.headers)
    assert (headers["nats-stream"], headers["nats-sequence"], headers["x-own"]) == (b"S", b"3", b"kept")
    assert "nats-msg-id" not in headers


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Given(b"\x00\xff no JSON"), "json"),
        (Given(b'{"something": "else"}'), "cloudevent"),
        (Given(b"[]"), "cloudevent"),
        (Given(orjson.dumps(EVENT | {"id": ""})), "cloudevent"),
        (Given(headers={"ce-specversion": "1.0", "ce-id": "1"}), "cloudevent"),
        (Given(subject="agentflow.submit.a%2Eb"), "organisation"),
        (Given(b"\xff", subject="agentflow.submit.dlq"), "organisation"),
    ],
)
def test_what_is_none_has_a_reason_and_keeps_its_bytes(message: Given, reason: str) -> None:
    found = taken(message)
    assert found.fault is not None
    assert found.fault.reason == reason
    assert (found.record.value, found.record.offset) == (message.data, message.sequence)
    assert found.record.topic.startswith("workflow-submissions.")
