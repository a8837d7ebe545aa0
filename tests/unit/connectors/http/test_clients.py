"""The client of a service: where its requests go, and what comes back as it was sent."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from connectors.http.clients import service_client


class Service:
    """A server that notes the heads of requests and gives one answer."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\n\r\nabc"
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    yield service
    server.close()
    await server.wait_closed()


async def post(base_url: str, path: str = "chat") -> tuple[int, bytes]:
    client = service_client(base_url, {"X-Key": "one"}, 2)
    try:
        answer = await client.request("POST", path, b"{}", {"X-Other": "two"}, 10)
        body = await answer.content.read()
        return answer.status, body
    finally:
        await client.aclose()


async def test_a_body_comes_as_it_was_sent_and_cookies_are_forgotten(service: Service) -> None:
    url = f"http://127.0.0.1:{service.port}/v1/"
    client = service_client(url, {"X-Key": "one"}, 2)
    for _ in range(2):
        answer = await client.request("POST", "chat", b"{}", {"X-Other": "two"}, 10)
        assert (answer.status, await answer.content.read()) == (200, b"abc")
    await client.aclose()
    for head in service.heads:
        assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
        assert b"X-Key: one" in head
        assert b"X-Other: two" in head
        assert b"Cookie" not in head


async def test_a_quoted_path_and_its_query_stay_as_they_are(service: Service) -> None:
    await post(f"http://127.0.0.1:{service.port}/v1/", "models/a%2Fb:stream?alt=sse")
    assert service.heads[0].startswith(b"POST /v1/models/a%2Fb:stream?alt=sse HTTP/1.1\r\n")


async def test_redirects_are_not_followed(service: Service) -> None:
    service.answer = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert await post(f"http://127.0.0.1:{service.port}/v1/") == (307, b"")


async def test_a_proxy_of_the_environment_is_used_but_for_hosts_that_it_excepts(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{service.port}")
    assert await post("http://provider.invalid/v1/") == (200, b"abc")
    assert service.heads[0].startswith(b"POST http://provider.invalid/v1/chat HTTP/1.1\r\n")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    await post(f"http://127.0.0.1:{service.port}/v1/")
    assert service.heads[1].startswith(b"POST /v1/chat HTTP/1.1\r\n")


async def test_a_client_that_made_no_request_has_nothing_to_close() -> None:
    await service_client("http://127.0.0.1:1/", {}, 2).aclose()


@pytest.mark.parametrize("url", ["ftp://x/", "no url/", "http://x:99999999/"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    client = service_client(url, {}, 2)
    with pytest.raises((aiohttp.ClientError, ValueError)):
        await client.request("POST", "chat", b"{}", {}, 10)
    await client.aclose()
