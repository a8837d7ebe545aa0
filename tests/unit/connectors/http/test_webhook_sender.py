"""Where webhooks may go, and what is made of answers."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
from aiohttp import web

from connectors.http import webhook_sender
from connectors.http.webhook_sender import WebhookSender, url_fault
from connectors.tools.environment import IpNetwork
from tests.support.http_app import served_app

LOOPBACK: tuple[IpNetwork, ...] = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hooks",
        "https://example.com:8443/a?b=c",
        "https://93.184.215.14/",
        "https://[2606:2800::1]/",
    ],
)
def test_public_addresses_are_taken(url: str) -> None:
    assert url_fault(url, ()) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "example.com", "https://user:pass@example.com/",
        "https://example.com/#x", "https://10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/",
        "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "http://93.184.215.14/", "https://ex ample.com/",
        "https://example.com:99999/", "https://exämple.com/", "https://0.0.0.0/",
    ],
)  # fmt: skip
def test_others_are_refused_with_a_reason(url: str) -> None:
    assert url_fault(url, ())


def test_an_operator_may_allow_a_network_also_in_clear() -> None:
    assert url_fault("http://127.0.0.1:8080/hooks", LOOPBACK) is None
    assert url_fault("http://10.0.0.1/hooks", LOOPBACK)


class Receiver:
    """Answers what a test wants."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer = web.Response(status=204)
        self.url = ""
        self.answers = asyncio.Event()
        self.answers.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await self.answers.wait()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        return self.answer


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found, app = Receiver(), web.Application()
    app.router.add_route("*", "/{rest:.*}", found.handle)
    async with served_app(app) as url:
        found.url = f"{url}/hooks"
        yield found


async def test_an_event_is_posted_with_its_headers(receiver: Receiver) -> None:
    answer = await WebhookSender(LOOPBACK).post(receiver.url, b'{"a":1}', {"webhook-id": "e"})
    assert (answer.status, answer.error) == (204, "")
    ((headers, body),) = receiver.requests
    assert body == b'{"a":1}'
    assert headers["webhook-id"] == "e"
    assert headers["content-type"] == "application/json"


async def test_an_error_is_said_with_the_beginning_of_the_answer(receiver: Receiver) -> None:
    receiver.answer = web.Response(status=503, text="busy " * 1_000, headers={"Retry-After": "7"})
    answer = await WebhookSender(LOOPBACK).post(receiver.url, b"{}", {})
    assert answer.status == 503
    assert answer.error.startswith("status 503: busy busy")
    assert len(answer.error) <= 200
    assert answer.retry_after == "7"


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = web.Response(status=307, headers={"Location": receiver.url + "/other"})
    answer = await WebhookSender(LOOPBACK).post(receiver.url, b"{}", {})
    assert (answer.status, len(receiver.requests)) == (307, 1)


async def test_a_private_address_is_not_reached(receiver: Receiver) -> None:
    answer = await WebhookSender(()).post(receiver.url, b"{}", {})
    assert (answer.status, answer.refused) == (None, True)
    assert receiver.requests == []


async def test_a_name_that_leads_inside_later_is_not_followed(receiver: Receiver) -> None:
    answers = iter([["93.184.215.14", "127.0.0.1"], ["127.0.0.1"]])

    async def look_up(host: str, port: int) -> list[str]:
        return next(answers)

    port = receiver.url.split(":")[2].split("/")[0]
    for _ in range(2):
        answer = await WebhookSender((), look_up).post(f"http://rebinds.example:{port}/", b"{}", {})
        assert answer.refused
    assert receiver.requests == []


async def test_nobody_there_and_a_slow_answer_are_errors(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "status" not in (await WebhookSender(LOOPBACK).post("http://127.0.0.1:1/", b"{}", {})).error
    monkeypatch.setattr(webhook_sender, "TIMEOUT_S", 0.05)

    receiver.answers.clear()
    answer = await WebhookSender(LOOPBACK).post(receiver.url, b"{}", {})
    receiver.answers.set()
    assert answer.error == "no answer within 0.05 s"
