"""How services are reached: the file's fields are read, checked and used."""

from pathlib import Path

import pytest
from aiohttp import web

from connectors.providers.base import ModelRequest
from connectors.providers.connections import USUAL, Connection, ConnectionsFile
from connectors.providers.openai.provider import OpenAIProvider
from connectors.providers.registry import Endpoint, build_providers
from tests.support.wire_server import KEY, Reply, wire_server

ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
REQUEST = ModelRequest("gpt-5", "p", 9, "k", timeout_s=10)


def read(tmp_path: Path, text: str) -> ConnectionsFile:
    file = tmp_path / "providers.yaml"
    file.write_text(text, "utf-8")
    return ConnectionsFile.load(str(file))


def test_a_file_says_what_differs_and_no_file_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, "openai: {connections: 7, headers: {OpenAI-Organization: org-7}}\n")
    assert (found.of("openai").connections, found.of("openai").connect_ms) == (7, 10_000)
    assert found.of("cohere") == USUAL == ConnectionsFile.load("").of("openai")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openai: {connexions: 7}", "connexions"),
        ("openai: {connections: 0}", "connections"),
        ("openai: {headers: {Authorization: x}}", "set by AgentFlow"),
        ('openai: {headers: {X-A: "a\\r\\nHost: b"}}', "printable"),
        ("openai: {proxy: proxy.internal}", "no URL such as"),
        ("parrot: {}", "none of anthropic"),
        ("openai: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(tmp_path, text)


def test_a_proxys_password_is_in_no_text(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="proxy") as raised:
        read(tmp_path, "openai: {proxy: 'http://user:secret-word@proxy/path/more'}")
    assert "secret-word" not in str(raised.value)
    assert "secret-word" not in repr(read(tmp_path, "openai: {proxy: 'http://user:secret-word@proxy:1'}"))


async def test_headers_are_sent_with_each_request_and_the_key_stays(tmp_path: Path) -> None:
    async with wire_server("openai", Reply(ANSWER)) as server:
        file = read(tmp_path, "openai: {headers: {X-Team: blue}}")
        built = build_providers({"openai": Endpoint(KEY, server.url)}, connections=file)
        answer = await built["openai"].complete(REQUEST)
        for provider in built.values():
            await provider.close()
    assert answer.text == "hi"
    assert server.requests[0][1]["x-team"] == "blue"


async def test_a_proxy_gets_the_request() -> None:
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.url))
        return web.json_response(ANSWER)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider = OpenAIProvider(KEY, "http://api.invalid/v1")
    provider.configure(Connection.model_validate({"proxy": f"http://127.0.0.1:{runner.addresses[0][1]}"}))
    found = await provider.complete(REQUEST)
    await provider.close()
    await runner.cleanup()
    assert (found.text, asked) == ("hi", ["http://api.invalid/v1/chat/completions"])
