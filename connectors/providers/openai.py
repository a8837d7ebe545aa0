"""The provider ``openai``: any service that speaks OpenAI's chat completions over HTTP, without streaming."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from connectors.http.clients import service_client
from connectors.providers import http_errors, openai_wire
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.conversation import weight
from connectors.providers.images import ImageInput, most_tokens, noted
from connectors.providers.json_body import read_json
from connectors.providers.usage import Bounds, counted
from schemas.clock import utc_now

OPENAI_BASE_URL = "https://api.openai.com/v1"
#: A chat adds a few tokens of its own around each message and before the answer; today it is about seven.
FRAME_TOKENS = 16
#: A connection is quick or hopeless, whatever time the answer may take.
_CONNECT_S = 10.0
#: More answers at once than a worker's concurrency; a worker above it queues here, inside its own timeout.
_CONNECTIONS = 200


class OpenAIProvider:
    """One service at ``base_url`` (with its version, ``…/v1``), with one organisation's key.

    The key is sent in the ``Authorization`` header and appears nowhere else: not in ``sent``, errors or
    ``repr``. An empty key sends no header, as services on one's own machine want it. It never retries.
    """

    def __init__(self, api_key: str, base_url: str = OPENAI_BASE_URL, *, name: str = "openai") -> None:
        self.name = name
        self._key = api_key
        # OpenAI's newer models refuse ``max_tokens``, and many compatible services know nothing else.
        hosted = httpx.URL(base_url).host == "api.openai.com"
        self._field: openai_wire.MaxTokensField = "max_completion_tokens" if hosted else "max_tokens"
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = service_client(base_url.rstrip("/") + "/", headers, _CONNECTIONS)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Call the model once. Raises ``StepError`` as ``http_errors`` maps it."""
        sent = openai_wire.request_body(request, self._field)
        answer = await self._post(sent, request)
        if not answer.is_success:
            raise http_errors.from_status(
                self.name,
                answer.status_code,
                answer.headers,
                answer.content,
                now=utc_now(),
                secret=self._key,
            )
        try:
            received, noted_text = read_json(answer.content)
            completion = openai_wire.read_completion(received, request.tools)
        except (ValueError, RecursionError) as exc:
            raise http_errors.malformed(self.name, str(exc)) from exc
        usage, notes = counted(completion.counts, self._bounds(request, completion))
        return ModelResponse(
            text=completion.text,
            usage=usage,
            notes=(*notes, *noted_text),
            problem=completion.problem,
            finish_reason=completion.finish_reason,
            asked=completion.asked,
            sent=noted(sent, request.pictures),
            received=received,
        )

    def count_tokens(self, model: str, text: str) -> int:
        """Return an upper bound: the UTF-8 bytes of ``text`` and the chat's frame.

        Each token of a byte-level tokenizer covers at least one byte, so no tokenizer's file is needed;
        English has about four bytes to a token.
        """
        return len(text.encode("utf-8", "surrogatepass")) + FRAME_TOKENS

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        """Return the upper bound of the model's family for so many images of any size."""
        return most_tokens(model) * len(pictures)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, sent: Mapping[str, Any], request: ModelRequest) -> httpx.Response:
        timeout = httpx.Timeout(request.timeout_s, connect=min(_CONNECT_S, request.timeout_s))
        headers = self._headers(request)
        try:
            # httpx limits each read; the whole answer is limited here.
            async with asyncio.timeout(request.timeout_s):
                return await self._client.post("chat/completions", json=sent, headers=headers, timeout=timeout)
        except TimeoutError as exc:
            raise http_errors.timed_out(self.name, request.timeout_s) from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise http_errors.from_exception(self.name, exc, request.timeout_s) from exc

    def _headers(self, request: ModelRequest) -> dict[str, str]:
        return {"Idempotency-Key": request.idempotency_key}

    def _bounds(self, request: ModelRequest, completion: openai_wire.Completion) -> Bounds:
        """Return the most tokens that a call can have used, for a provider that gives no counts."""
        given = self.count_tokens(request.model, weight(request.prompt, request.tools, request.turns))
        calls = "".join(f"{one.name}{one.args}" for one in completion.asked)
        made = self.count_tokens(request.model, completion.text + calls)
        pictures = self.picture_tokens(request.model, request.pictures)
        return Bounds(given + pictures, min(made, request.max_tokens))
