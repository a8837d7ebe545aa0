"""Both transports against a strict receiver: what is taken, sent again, refused; secrets; a receiver that is down."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.observability.otlp_receiver import Scripted, StrictReceiver
from connectors.otlp.delivery import Delivery, RefusedSpans, Sender
from connectors.otlp.rpc_status import RpcCode, status_with_retry
from connectors.otlp.senders import sender_of
from connectors.otlp.targets import Target
from schemas.errors import Unavailable
from tests.support.otlp import ROOT, body_of

BODY = body_of([{"span_id": ROOT}])
PROTOCOLS = ("http", "grpc")


@pytest.fixture(params=PROTOCOLS)
def receiver(request: pytest.FixtureRequest) -> Iterator[StrictReceiver]:
    """A receiver of one transport that wants a key."""
    with StrictReceiver(grpc=request.param == "grpc", headers={"X-Key": "secret"}) as found:
        found.protocol = request.param  # type: ignore[attr-defined]
        yield found


@asynccontextmanager
async def sending(receiver: StrictReceiver, **fields: Any) -> AsyncIterator[Sender]:
    given = {"headers": {"X-Key": {"env": "KEY"}}, "protocol": receiver.protocol}  # type: ignore[attr-defined]
    sender = sender_of(Target(name="t", endpoint=receiver.endpoint, **(given | fields)), {"KEY": "secret"})
    try:
        yield sender
    finally:
        await sender.close()


async def taken(sender: Sender) -> bool:
    """Whether a request is taken; a channel of gRPC waits before it connects again."""
    try:
        await sender.send(BODY)
    except Unavailable:
        return False
    return True


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_a_request_arrives_as_it_was(receiver: StrictReceiver, compression: str) -> None:
    async with sending(receiver, compression=compression) as sender:
        assert await sender.send(BODY) == Delivery()
        assert await sender.send(BODY) == Delivery()
    (span,) = receiver.received.spans.values()
    assert span == ExportTraceServiceRequest.FromString(BODY).resource_spans[0].scope_spans[0].spans[0]
    assert (receiver.received.faults, receiver.received.doubled) == ([], 1)


async def test_a_partial_success_says_how_many_and_why(receiver: StrictReceiver) -> None:
    receiver.script.append(Scripted(rejected=3))
    async with sending(receiver) as sender:
        assert await sender.send(BODY) == Delivery(3, "scripted")


async def test_a_receiver_that_is_down_is_unavailable_and_works_when_it_is_back(receiver: StrictReceiver) -> None:
    async with sending(receiver, timeout_ms=5000) as sender:
        await sender.send(BODY)
        receiver.down()
        with pytest.raises(Unavailable, match="OTLP target t"):
            await sender.send(BODY)
        receiver.up()
        async with asyncio.timeout(20):
            while not await taken(sender):  # noqa: ASYNC110 - the channel decides when it connects
                await asyncio.sleep(0.05)
    assert receiver.received.requests == 2


async def test_a_wrong_key_waits_for_its_correction(receiver: StrictReceiver) -> None:
    async with sending(receiver, headers={"X-Key": "wrong"}) as sender:
        with pytest.raises(Unavailable, match="correct its endpoint or headers") as found:
            await sender.send(BODY)
    assert found.value.retry_after_s == 30


async def test_a_receiver_that_never_answers_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for protocol in PROTOCOLS:
            sender = sender_of(Target(name="t", endpoint=endpoint, protocol=protocol, timeout_ms=200), {})
            with pytest.raises(Unavailable):
                await sender.send(BODY)
            await sender.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_statuses_of_http_that_may_be_sent_again(status: int) -> None:
    with StrictReceiver() as receiver:
        receiver.script.append(Scripted(status, {"Retry-After": "7"}))
        sender = sender_of(Target(name="t", endpoint=f"{receiver.endpoint}/v1/traces"), {})
        with pytest.raises(Unavailable, match=str(status)) as found:
            await sender.send(BODY)
        assert found.value.retry_after_s == 7
        await sender.send(BODY)
        await sender.close()


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 1, 1), ("soon", 1, 1), ("100000", 300, 300), (formatdate(0), 0, 0), ("-3", 1, 1)],
)
async def test_retry_after_that_is_odd(text: str, least: float, most: float) -> None:
    with StrictReceiver() as receiver:
        receiver.script.append(Scripted(503, {"Retry-After": text}))
        sender = sender_of(Target(name="t", endpoint=receiver.endpoint), {})
        with pytest.raises(Unavailable) as found:
            await sender.send(BODY)
        assert least <= found.value.retry_after_s <= most
        await sender.close()


@pytest.mark.parametrize(("status", "divisible"), [(400, True), (413, True), (422, True), (500, False), (409, False)])
async def test_statuses_of_http_that_must_not_be_sent_again(status: int, divisible: bool) -> None:
    with StrictReceiver() as receiver:
        receiver.script.append(Scripted(status))
        sender = sender_of(Target(name="t", endpoint=receiver.endpoint), {})
        with pytest.raises(RefusedSpans, match=f"{status}: scripted") as found:
            await sender.send(BODY)
        assert found.value.divisible == divisible
        await sender.close()


DETAILS = json.dumps(list(status_with_retry(RpcCode.RESOURCE_EXHAUSTED, "later", 2.5)))


@pytest.mark.parametrize(
    ("scripted", "error", "says"),
    [
        (Scripted(code="UNAVAILABLE"), Unavailable, 1.0),
        (Scripted(code="DEADLINE_EXCEEDED"), Unavailable, 1.0),
        (Scripted(code="RESOURCE_EXHAUSTED", headers={"details": DETAILS}), Unavailable, 2.5),
        (Scripted(code="UNIMPLEMENTED"), Unavailable, 30.0),
        (Scripted(code="RESOURCE_EXHAUSTED"), RefusedSpans, True),
        (Scripted(code="INVALID_ARGUMENT"), RefusedSpans, True),
        (Scripted(code="INTERNAL"), RefusedSpans, False),
    ],
    ids=lambda one: one.code if isinstance(one, Scripted) else "",
)
async def test_codes_of_grpc(scripted: Scripted, error: type[Exception], says: float | bool) -> None:
    with StrictReceiver(grpc=True) as receiver:
        receiver.script.append(scripted)
        sender = sender_of(Target(name="t", endpoint=receiver.endpoint, protocol="grpc"), {})
        with pytest.raises(error, match=scripted.code) as found:
            await sender.send(BODY)
        said = found.value.retry_after_s if isinstance(found.value, Unavailable) else found.value.divisible  # type: ignore[attr-defined]
        assert said == says
        await sender.close()


def test_grpc_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(ValueError, match=r"requirements-otlp\.lock"):
        sender_of(Target(name="t", endpoint="http://x", protocol="grpc"), {})
