"""Tokens for brokers: got once, renewed before their end, kept while the endpoint is down; refusals with the fix."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from schemas.configuration.kafka_access import TokenEndpoint
from topics.tokens import PAUSE_S, ClientCredentials, NoTokenError

SECRET = "s3cr3t-canary"


class Endpoint(BaseHTTPRequestHandler):
    """Gives tokens that are numbered, for 100 s, or answers as it was told to."""

    asked: ClassVar[list[dict[str, list[str]]]] = []
    answer: ClassVar[tuple[int, Any] | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Endpoint.asked.append(parse_qs(body) | {"login": [self.headers["Authorization"]]})
        fresh = (200, {"access_token": f"token-{len(Endpoint.asked)}", "expires_in": 100})
        status, answer = Endpoint.answer or fresh
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    Endpoint.asked, Endpoint.answer = [], None
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
        server.shutdown()
        thread.join()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_one_token_serves_all_until_a_fifth_of_its_life_is_left() -> None:
    with serving() as url:
        clock = Clock()
        tokens = ClientCredentials(TokenEndpoint(url, "agent", SECRET, "kafka"), clock)
        assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"token-1"}
        clock.now += 79
        assert await tokens.token() == "token-1"
        clock.now += 2
        assert await tokens.token() == "token-2"
    assert [asked["grant_type"] + asked["scope"] for asked in Endpoint.asked] == [["client_credentials", "kafka"]] * 2
    assert all(asked["login"][0].startswith("Basic ") for asked in Endpoint.asked)


async def test_a_valid_token_is_used_while_the_endpoint_is_down_and_is_asked_for_seldom() -> None:
    with serving() as url:
        clock = Clock()
        tokens = ClientCredentials(TokenEndpoint(url, "agent", SECRET), clock)
        assert await tokens.token() == "token-1"
        Endpoint.answer = (503, {})
        clock.now += 90
        assert [await tokens.token() for _ in range(10)] == ["token-1"] * 10
        assert len(Endpoint.asked) == 2
        clock.now += 20
        with pytest.raises(NoTokenError, match="status 503"):
            await tokens.token()
        Endpoint.answer = None
        clock.now += PAUSE_S
        assert await tokens.token() == "token-4"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"error": "invalid_client", "error_description": SECRET}), "it refuses this client (status 401)"),
        ((200, {"token": SECRET}), "its answer has no access_token; correct KAFKA_OAUTH_TOKEN_URL"),
        ((200, [SECRET]), "its answer has no access_token; correct KAFKA_OAUTH_TOKEN_URL"),
    ],
)
async def test_a_refusal_has_the_fix_and_no_secret(answer: tuple[int, Any], said: str) -> None:
    with serving() as url:
        Endpoint.answer = answer
        with pytest.raises(NoTokenError) as caught:
            await ClientCredentials(TokenEndpoint(url, "agent", SECRET)).token()
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    with serving() as url:
        pass
    with pytest.raises(NoTokenError, match=f"no token from {url}"):
        await ClientCredentials(TokenEndpoint(url, "agent", SECRET)).token()
