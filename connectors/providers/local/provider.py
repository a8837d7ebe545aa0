"""The provider ``local``: the extractive models of ``local.model``, in this process."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.compatible.chat import call_body, request_body
from connectors.providers.conversation import Asked, said_so_far
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse
from connectors.providers.images import ImageInput, noted
from connectors.providers.local import embedding, images, tools
from connectors.providers.local import model as local_model
from connectors.providers.local import tokens as local_tokens
from connectors.providers.local.behaviour import Fault, LocalBehaviour, RateGate, fate_key
from connectors.providers.local.one_prompt import one_prompt
from connectors.providers.wire import unsupported
from schemas.errors import StepError
from schemas.records.base import Usage


class LocalProvider:
    """The local models in this process. ``behaviour`` may be replaced at any time."""

    name = "local"

    def __init__(self, behaviour: LocalBehaviour | None = None) -> None:
        self.behaviour = behaviour or LocalBehaviour()
        self._gate = RateGate(time.monotonic)
        # One thread: the work holds the interpreter's lock, so more would only starve the event loop.
        self._thread = ThreadPoolExecutor(1, "local-model")

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer once, as ``behaviour`` says. Raises ``StepError`` with the codes of ``Provider``."""
        request = one_prompt(request)
        self._admit()
        try:
            async with asyncio.timeout(request.timeout_s):
                await self._delay(request)
                answer, asked = await self._said(request)
        except TimeoutError as exc:
            raise StepError(
                "provider_timeout",
                f"local: no answer within {request.timeout_s:g} s; allow more time with policy.timeout_ms",
                retryable=True,
            ) from exc
        return ModelResponse(
            text=answer.text,
            usage=Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens),
            finish_reason=answer.finish_reason,
            asked=asked,
            sent=noted(request_body(request), request.pictures),
            received=answer_body(request.model, request.idempotency_key, answer, asked),
        )

    async def converse(
        self, model: str, texts: Sequence[str], turns: int, max_tokens: int, seen: str = ""
    ) -> tuple[local_model.Answer, tuple[Asked, ...]]:
        """Answer, or ask for calls, after so many turns. ``texts`` are the prompt and what was said since."""
        asked = tools.calls_of_turn(texts[0], turns) if model in local_model.MODELS else ()
        tokens = local_tokens.count("\n\n".join([*texts, seen]))
        if asked:
            calls = local_tokens.count("".join(f"{one.name} {json.dumps(one.args)}" for one in asked))
            return local_model.Answer("", "tool_calls", tokens, calls), asked
        answer = await self.answer(model, tools.without_calls(texts), max_tokens, seen)
        return replace(answer, input_tokens=tokens), ()

    async def _said(self, request: ModelRequest) -> tuple[local_model.Answer, tuple[Asked, ...]]:
        seen = _seen(request.pictures)
        if not request.tools:
            return await self.answer(request.model, request.prompt, request.max_tokens, seen), ()
        texts = said_so_far(request.prompt, request.turns)
        return await self.converse(request.model, texts, len(request.turns), request.max_tokens, seen)

    async def answer(self, model: str, prompt: str, max_tokens: int, seen: str = "") -> local_model.Answer:
        """Answer without delay or faults. Raises ``StepError`` for an unknown model, a missing package."""
        if model == local_model.ECHO or (self.behaviour.echo and model in local_model.MODELS):
            return local_model.answer(local_model.ECHO, prompt, max_tokens, seen)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, local_model.answer, model, prompt, max_tokens, seen)

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """Embed with ``local-embed``. Raises ``StepError`` for another model."""
        if request.purpose is not None:
            raise unsupported("local", "purpose", "its vectors are for all purposes; leave it out")
        vectors = tuple(embedding.embedded(request.model, text, request.dimensions) for text in request.texts)
        sent = {"model": request.model, "input": list(request.texts)}
        return EmbeddingResponse(vectors, Usage(input_tokens=embedding.counted(request.texts)), sent)

    def count_tokens(self, model: str, text: str) -> int:
        """Return exactly the tokens that ``complete`` will count."""
        return local_tokens.count(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        """Return exactly the tokens that ``complete`` will count."""
        return local_tokens.count(_seen(pictures))

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        """Let the thread end after the answer that it works on."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _admit(self) -> None:
        wait_ms = self._gate.wait_ms(self.behaviour.rate_limit_per_s)
        if wait_ms:
            raise rate_limited(self.behaviour.rate_limit_per_s, wait_ms)

    async def _delay(self, request: ModelRequest) -> None:
        key = fate_key(request.idempotency_key, request.attempt)
        delay_s = self.behaviour.delay_s(key)
        if delay_s:
            await asyncio.sleep(delay_s)
        fault = self.behaviour.fault(key)
        if fault == "timeout":
            await asyncio.sleep(request.timeout_s + 1)
        elif fault is not None:
            raise faulty(fault)


def _seen(pictures: Sequence[ImageInput]) -> str:
    return images.together([picture.said for picture in pictures]) if pictures else ""


def rate_limited(rate: float, wait_ms: int) -> StepError:
    """Return the error of a call over the rate limit."""
    return StepError("rate_limited", f"local: over {rate:g} calls a second", retryable=True, retry_after_ms=wait_ms)


def faulty(fault: Fault) -> StepError:
    """Return the error that a fault of ``LocalBehaviour`` stands for."""
    if fault == "garbage":
        return StepError("provider_error", "local: an answer that is no JSON, as asked for", retryable=True)
    return StepError("provider_unavailable", "local: unavailable, as asked for", retryable=True)


def answer_body(model: str, key: str, answer: local_model.Answer, asked: Sequence[Asked] = ()) -> dict[str, Any]:
    """Return an answer as a chat completion. It carries no clock and no random id, so it is repeatable."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if asked:
        message |= {"content": None, "tool_calls": [call_body(one, one.name) for one in asked]}
    return {
        "id": f"local-{key}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": answer.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def answer_chunks(answer: Mapping[str, Any], *, with_usage: bool) -> Iterator[dict[str, Any]]:
    """Yield a chat completion as the chunks of its stream: the text by words, then the end and the usage."""
    head = {"id": answer["id"], "object": "chat.completion.chunk", "created": 0, "model": answer["model"]}
    (choice,) = answer["choices"]
    message = choice["message"]
    calls = [call | {"index": index} for index, call in enumerate(message.get("tool_calls", ()))]
    deltas = [{"content": word} for word in re.findall(r"\s*\S+|\s+$", message["content"] or "")]
    for delta in [{"role": "assistant", "content": ""}, *deltas, *([{"tool_calls": calls}] if calls else [])]:
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    if with_usage:
        yield head | {"choices": [], "usage": answer["usage"]}
