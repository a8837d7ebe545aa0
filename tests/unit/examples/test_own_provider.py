"""The example of a provider of one's own, through all stages of a call and against a server with its API."""

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from connectors.prices.book import PriceBook
from connectors.providers.custom.building import build_custom, stated_prices
from connectors.providers.custom.registry import CustomProviders
from connectors.tools import Registry
from connectors.tools.tools_file import ToolsFile
from schemas.errors import StepError
from schemas.records.base import Usage
from services.calls.ledger import Ledger
from services.calls.pipeline import call_stages, compose
from services.routing.router import Pin
from tests.support.calls import Calls, call
from tests.support.http_app import served_app

FILE = Path(__file__).parents[3] / "examples" / "own_provider.py"
PINNED = Pin("ollama", "llama3.2")


class Ollama:
    """A server with Ollama's native API that gives one answer."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[Any] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        found = {"response": "Four.", "done_reason": "stop", "prompt_eval_count": 1_000, "eval_count": 500}
        return web.json_response(found, status=self.status)


@pytest.fixture
async def ollama() -> AsyncIterator[Ollama]:
    server, app = Ollama(), web.Application()
    app.router.add_post("/api/generate", server.answer)
    async with served_app(app) as url:
        server.url = url
        yield server


@pytest.fixture
def declared(ollama: Ollama, monkeypatch: pytest.MonkeyPatch) -> Iterator[CustomProviders]:
    monkeypatch.setenv("OLLAMA_URL", ollama.url)
    found = CustomProviders()
    ToolsFile(FILE, Registry(), found).load()
    yield found
    module = sys.modules.pop("agentflow_tools_own_provider", None)
    assert isinstance(module, ModuleType)


async def answered(tmp_path: Path, declared: CustomProviders, **fields: Any) -> Ledger:
    calls, ledger = Calls(tmp_path, prices=PriceBook.load("", stated_prices(declared))), Ledger()
    ports = replace(calls.ports(), providers=dict(build_custom(declared)))
    await compose(call_stages(ports))(call(ledger, pinned=PINNED, max_tokens=600, **fields))
    return ledger


def test_it_has_fifty_lines() -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 50


async def test_a_call_is_asked_counted_and_booked(tmp_path: Path, ollama: Ollama, declared: CustomProviders) -> None:
    ledger = await answered(tmp_path, declared, system="Be brief.", temperature=0.0)
    options = {"num_predict": 600, "temperature": 0.0}
    body = {"model": "llama3.2", "prompt": "Say x", "system": "Be brief.", "stream": False, "options": options}
    assert ollama.bodies == [body]
    (made,) = ledger.calls
    # 1,000 tokens at $0.02 and 500 at $0.06 a million: 20,000 + 30,000 nano-dollars.
    assert (made.outcome, made.usage, made.cost_nano) == ("ok", Usage(input_tokens=1_000, output_tokens=500), 50_000)


async def test_failures_are_typed_and_cost_nothing(tmp_path: Path, ollama: Ollama, declared: CustomProviders) -> None:
    for status, code in ((429, "rate_limited"), (404, "provider_rejected")):
        ollama.status = status
        with pytest.raises(StepError) as raised:
            await answered(tmp_path, declared)
        assert (raised.value.code, raised.value.details) == (code, {})
