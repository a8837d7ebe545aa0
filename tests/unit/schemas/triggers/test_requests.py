"""What a request to a webhook names its submission by, and what its expressions read."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.triggers.definition import Hook
from schemas.triggers.mapping import Mapped, Rules, checked_source, compile_rules
from schemas.triggers.requests import Pair, pair_of, read_request

PLAIN = Hook(scheme="url", requests_per_minute=1, max_bytes=1)
EVENTS = PLAIN.model_copy(update={"cloudevents": True})
DATA = {"order": "o-1"}
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "e-1", "source": "urn:shop", "type": "shop.order", "data": DATA}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BINARY = {"ce-specversion": "1.0", "ce-id": "e%2D1", "ce-source": "urn:shop", "ce-type": "shop.order"}


def pair(hook: Hook, payload: Any, headers: dict[str, str], mapped: Mapped | None = None) -> Pair:
    _, event = read_request(hook, payload, headers, {})
    return pair_of("t1", hook, mapped or Mapped({}), headers, payload, event)


@pytest.mark.parametrize(("payload", "headers"), [(EVENT, STRUCTURED), (DATA, BINARY)])
def test_an_event_names_the_submission_in_either_mode(payload: Any, headers: dict[str, str]) -> None:
    request, event = read_request(EVENTS, payload, headers, {"q": "1"})
    assert event is not None
    assert (request.payload, request.headers["ce-type"], request.query) == (DATA, "shop.order", {"q": "1"})
    assert pair(EVENTS, payload, headers) == Pair("urn:shop", "e-1")


def test_expressions_count_before_the_event() -> None:
    assert pair(EVENTS, EVENT, STRUCTURED, Mapped({}, "own-id", source="urn:own")) == Pair("urn:own", "own-id")


def test_a_webhook_of_plain_requests_reads_no_event() -> None:
    request, event = read_request(PLAIN, EVENT, STRUCTURED, {})
    assert (request.payload, event) == (EVENT, None)
    assert pair(PLAIN, DATA, BINARY | {"idempotency-key": "k"}) == Pair("trigger:t1", "k")
    assert pair(PLAIN, DATA, {}) == Pair("trigger:t1", None)


@pytest.mark.parametrize(
    ("hook", "payload", "headers", "said"),
    [
        (EVENTS, DATA, {}, "this webhook takes CloudEvents, one in each request"),
        (EVENTS, [EVENT], {"content-type": "application/cloudevents-batch+json"}, "one in each request"),
        (EVENTS, EVENT | {"id": ""}, STRUCTURED, "attribute id is missing or empty"),
        (EVENTS, EVENT | {"id": "x" * 257}, STRUCTURED, "the most is 256"),
        (EVENTS, EVENT | {"source": "api"}, STRUCTURED, "the source of requests with a key"),
        (EVENTS, EVENT | {"source": "trigger:other"}, STRUCTURED, "which are ours"),
        (EVENTS.model_copy(update={"scheme": "github"}), DATA, BINARY, "not under the signature"),
    ],
)
def test_what_names_no_submission_is_refused(hook: Hook, payload: Any, headers: dict[str, str], said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        pair(hook, payload, headers)


def test_a_signed_webhook_takes_structured_events() -> None:
    signed = EVENTS.model_copy(update={"scheme": "standard"})
    assert pair(signed, EVENT, STRUCTURED | {"webhook-id": "m-1"}) == Pair("urn:shop", "e-1")


def test_source_is_an_expression_of_webhooks_and_topics() -> None:
    rules = Rules("webhook", {}, source="headers['ce-source']", idempotency="payload.order")
    mapped = compile_rules(rules).of(read_request(PLAIN, DATA, BINARY, {})[0].variables())
    assert mapped == Mapped({}, "o-1", source="urn:shop")
    of_topic = compile_rules(Rules("topic", {}, source="'run:' + payload.order"))
    with pytest.raises(BadRecord, match="which are ours") as caught:
        of_topic.of({"payload": DATA, "headers": {}, "key": "", "topic": "t", "partition": 0, "offset": 1,
                     "timestamp_ms": 0})  # fmt: skip
    assert caught.value.reason == "source"


@pytest.mark.parametrize("value", ["api", "schedule:1", "", "x" * 257])
def test_checked_source_refuses(value: str) -> None:
    with pytest.raises(BadRecord):
        checked_source("source", value)
