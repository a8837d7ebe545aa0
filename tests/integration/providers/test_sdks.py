"""The official SDKs parse what our test servers say: so the servers, and the fixtures, speak the real wires.

All of them are among the tools of development; where one is not installed, its tests say so when they are skipped.
"""

import asyncio
import importlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.wire_fixtures import fixture
from tests.support.wire_server import KEY, Reply, wire_server
from tests.support.wire_streams import STREAM_HEADERS, frames

pytestmark = [
    pytest.mark.exhaustive,
    # What an SDK warns of is not ours to fix.
    pytest.mark.filterwarnings("ignore"),
]


class Said(NamedTuple):
    """What an SDK understood: the text, the names of calls with their arguments as it has them, and the counts."""

    text: str
    calls: list[str]
    counts: tuple[int, int] | None


Ask = Callable[[Any, str, str, bool], Said]


def ask_openai(openai: Any, root: str, model: str, streamed: bool) -> Said:
    with openai.OpenAI(api_key=KEY, base_url=f"{root}/v1", max_retries=0) as client:
        asks: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}]}
        if not streamed:
            answer = client.chat.completions.create(**asks)
            message = answer.choices[0].message
            calls = [one.function.name for one in message.tool_calls or ()]
            return Said(message.content or "", calls, (answer.usage.prompt_tokens, answer.usage.completion_tokens))
        text, calls, counts = "", [], None
        for chunk in client.chat.completions.create(**asks, stream=True, stream_options={"include_usage": True}):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                calls += [one.function.name for one in choice.delta.tool_calls or () if one.id]
            if chunk.usage is not None:
                counts = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        return Said(text, calls, counts)


def ask_responses(openai: Any, root: str, model: str, streamed: bool) -> Said:
    with openai.OpenAI(api_key=KEY, base_url=f"{root}/v1", max_retries=0) as client:
        if streamed:
            events = list(client.responses.create(model=model, input="x", stream=True))
            assert {event.type for event in events} >= {"response.created", "response.completed"}
            answer = events[-1].response
        else:
            answer = client.responses.create(model=model, input="x")
        calls = [item.name for item in answer.output if item.type == "function_call"]
        return Said(answer.output_text, calls, (answer.usage.input_tokens, answer.usage.output_tokens))


def ask_anthropic(anthropic: Any, root: str, model: str, streamed: bool) -> Said:
    # Since its version 2 this SDK sends a key as a bearer token; the API takes both, our adapter's header is the older.
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    client = anthropic.Anthropic(api_key=KEY, base_url=root, max_retries=0, default_headers=headers)
    asks: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]}
    try:
        if streamed:
            with client.messages.stream(**asks) as stream:
                answer = stream.get_final_message()
        else:
            answer = client.messages.create(**asks)
    finally:
        client.close()
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = [block.name for block in answer.content if block.type == "tool_use"]
    return Said(text, calls, (answer.usage.input_tokens, answer.usage.output_tokens))


def ask_google(genai: Any, root: str, model: str, streamed: bool) -> Said:
    with genai.Client(api_key=KEY, http_options={"base_url": root}) as client:
        if streamed:
            answers = list(client.models.generate_content_stream(model=model, contents="x"))
        else:
            answers = [client.models.generate_content(model=model, contents="x")]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or ()]
    usage = answers[-1].usage_metadata
    # Ours are all that are paid as output, thoughts too.
    counts = (usage.prompt_token_count, usage.candidates_token_count + (usage.thoughts_token_count or 0))
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return Said(text, [part.function_call.name for part in parts if part.function_call], counts)


def ask_cohere(cohere: Any, root: str, model: str, streamed: bool) -> Said:
    with httpx.Client(trust_env=False) as connections:
        client = cohere.ClientV2(api_key=KEY, base_url=root, httpx_client=connections)
        asks: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}]}
        return _cohere_stream(client.chat_stream(**asks)) if streamed else _cohere_answer(client.chat(**asks))


def _cohere_answer(answer: Any) -> Said:
    calls = [one.function.name for one in answer.message.tool_calls or ()]
    text = "".join(part.text for part in answer.message.content or () if part.type == "text")
    billed = answer.usage.billed_units
    return Said(text, calls, (int(billed.input_tokens), int(billed.output_tokens)))


def _cohere_stream(events: Iterable[Any]) -> Said:
    text, calls, counts = "", [], None
    for event in events:
        if event.type == "content-delta":
            text += event.delta.message.content.text or ""
        elif event.type == "tool-call-start":
            calls.append(event.delta.message.tool_calls.function.name)
        elif event.type == "message-end":
            billed = event.delta.usage.billed_units
            counts = (int(billed.input_tokens), int(billed.output_tokens))
    return Said(text, calls, counts)


SDKS: dict[str, tuple[str, str, Ask]] = {
    "openai": ("openai", "openai", ask_openai),
    "responses": ("openai", "openai", ask_responses),
    "anthropic": ("anthropic", "anthropic", ask_anthropic),
    "google": ("google.genai", "google-genai", ask_google),
    "cohere": ("cohere", "cohere", ask_cohere),
}


def sdk_of(provider: str) -> Any:
    module, package, _ = SDKS[provider]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        pytest.skip(f"SKIPPED, NOT CHECKED: the SDK {package!r} is not installed; install it to check this wire")


@pytest.mark.parametrize("provider", SDKS)
@pytest.mark.parametrize("name", ["plain", "turns"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_an_sdk_reads_our_answers_as_our_adapter_does(provider: str, name: str, streamed: bool) -> None:
    sdk, (_, _, ask) = sdk_of(provider), SDKS[provider]
    case = fixture(provider, name)
    answer = case["received"]
    reply = Reply(b"".join(frames(provider, answer)), 200, STREAM_HEADERS) if streamed else Reply(answer)
    async with wire_server(provider, reply) as server:
        root = server.url.rpartition("/")[0]
        said = await asyncio.to_thread(ask, sdk, root, case["model"], streamed)
    expected = case["expected"]
    if not expected.get("asked"):
        assert said.text == expected["text"]
    assert [call.replace("_", ".") for call in said.calls] == [
        name.replace("_", ".") for _, name, _ in expected.get("asked", [])
    ]
    assert said.counts == (expected["usage"]["input_tokens"], expected["usage"]["output_tokens"])
