"""The example of docs/reference/providers.md runs as it is written, and the page names every provider."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.providers.base import ModelRequest
from connectors.providers.deltas import End, TextDelta, UsageDelta
from connectors.providers.embeddings import EmbeddingRequest
from connectors.providers.registry import PROVIDERS
from schemas.errors import StepError
from schemas.records.base import Usage
from tests.support.http_app import served_app

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "providers.md").read_text(encoding="utf-8")
_CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


async def _talk(request: web.Request) -> web.Response:
    assert (request.path, request.headers["x-parrot-key"]) == ("/v1/birds/ara/talk", "key")
    said = (await request.json())["say"]
    return web.json_response({"said": said, "heard_words": 2, "said_words": 2})


async def test_a_provider_of_the_page_answers() -> None:
    (code,) = _CODE.findall(PAGE)
    assert len(code.splitlines()) <= 50
    names: dict[str, Any] = {}
    exec(compile(code, "providers.md", "exec"), names)
    app = web.Application()
    app.router.add_post("/v1/birds/{bird}/talk", _talk)
    async with served_app(app) as url:
        provider = names["parrot"]("key", f"{url}/v1")
        answer = await provider.complete(ModelRequest("ara", "hello there", 10, "k"))
        streamed = [delta async for delta in provider.stream(ModelRequest("ara", "hello there", 10, "k"))]
        with pytest.raises(StepError, match="'embeddings' cannot be sent"):
            await provider.embed(EmbeddingRequest("ara", ("hello",), "k"))
        await provider.close()
    assert (answer.text, answer.usage) == ("hello there", Usage(input_tokens=2, output_tokens=2))
    assert streamed == [TextDelta("hello there"), UsageDelta(answer.usage), End(answer)], "it has no streams"


def test_the_page_names_every_provider() -> None:
    assert [name for name in ("local", *PROVIDERS) if f"| `{name}` |" not in PAGE] == []
