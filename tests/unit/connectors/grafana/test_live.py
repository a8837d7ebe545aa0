"""The client of Grafana Live against the strict receiver: what is taken, refused or tried again; no secret is said."""

import pytest

from bench.observability.grafana_receiver import Receiver
from connectors.grafana.live import GrafanaLive
from schemas.errors import Rejected, Unavailable

LINE = b"agentflow_cost,org=o held_usd=0,settled_usd=1 1764403200000000000\n"


async def push(url: str, body: bytes = LINE, token: str = "token", stream: str = "agentflow") -> None:
    live = GrafanaLive(url, token, stream, timeout_s=0.3)
    try:
        await live.push(body)
    finally:
        await live.aclose()


async def test_lines_are_taken_byte_by_byte() -> None:
    with Receiver() as receiver:
        await push(f"{receiver.url}/")
        assert receiver.bodies == [LINE]
        assert receiver.lines[0].tags == {"org": "o"}


@pytest.mark.parametrize(
    ("token", "stream", "body", "says"),
    [
        ("wrong", "agentflow", LINE, "401"),
        ("", "agentflow", LINE, "401"),
        ("token", "other", LINE, "404"),
        ("token", "agentflow", b"no line\n", "400"),
        ("token", "agentflow", LINE[:-1], "400"),
    ],
)
async def test_what_will_never_be_taken_is_rejected(token: str, stream: str, body: bytes, says: str) -> None:
    with Receiver() as receiver:
        with pytest.raises(Rejected, match=says) as caught:
            await push(receiver.url, body, token, stream)
        assert receiver.lines == []
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_what_may_work_later_is_unavailable(status: int) -> None:
    with Receiver(status=status) as receiver, pytest.raises(Unavailable, match=str(status)):
        await push(receiver.url)


async def test_a_target_that_hangs_is_given_up() -> None:
    with Receiver(hang=True) as receiver, pytest.raises(Unavailable, match=r"no answer within 0\.3 s"):
        await push(receiver.url)


async def test_a_target_that_is_gone_is_unavailable() -> None:
    with Receiver() as receiver:
        url = receiver.url
    with pytest.raises(Unavailable, match="grafana"):
        await push(url)


@pytest.mark.parametrize("url", ["http://user:secret@", "http://user:secret@[::1", "http://user:secret@127.0.0.1:1"])
async def test_no_password_of_the_address_is_in_an_error(url: str) -> None:
    with pytest.raises((Rejected, Unavailable)) as caught:
        await push(url)
    assert "secret" not in f"{caught.value!r}"
