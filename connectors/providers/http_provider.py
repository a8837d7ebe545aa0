"""A provider behind HTTP: sends what its wire writes, and maps all that can go wrong in one place."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from connectors.http.clients import service_client
from connectors.providers import http_errors
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.images import ImageInput, noted
from connectors.providers.json_body import read_json
from connectors.providers.request_text import request_text
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import Completion, MalformedError, Wire
from schemas.clock import utc_now

#: A chat adds a few tokens of its own around each message and before the answer; today it is about seven.
FRAME_TOKENS = 16
#: A connection is quick or hopeless, whatever time the answer may take.
_CONNECT_S = 10.0
#: More answers at once than a worker's concurrency; a worker above it queues here, inside its own timeout.
_CONNECTIONS = 200


class HttpProvider:
    """One service at ``base_url``, with one organisation's key.

    The key is sent in a header and appears nowhere else: not in ``sent``, errors or ``repr``. It never retries.
    """

    def __init__(self, name: str, wire: Wire, api_key: str, base_url: str) -> None:
        self.name = name
        self._wire = wire
        self._key = api_key
        self._client = service_client(base_url.rstrip("/") + "/", wire.headers(api_key), _CONNECTIONS)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        sent = self._wire.body(request)
        answer = await self._post(sent, request)
        if not answer.is_success:
            raise self._refusal(answer.status_code, answer)
        try:
            received, notes = read_json(answer.content)
        except (ValueError, RecursionError) as exc:
            raise http_errors.malformed(self.name, self._wire.answers, str(exc)) from exc
        status = http_errors.status_of_error(received)
        if status is not None:
            raise self._refusal(status, answer)
        return self._response(request, sent, received, notes)

    def count_tokens(self, model: str, text: str) -> int:
        """Return an upper bound: the UTF-8 bytes of ``text`` and the chat's frame.

        Each token of a byte-level tokenizer covers at least one byte, so no tokenizer's file is needed;
        English has about four bytes to a token.
        """
        return len(text.encode("utf-8", "surrogatepass")) + FRAME_TOKENS

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return self._wire.picture_tokens(model, pictures)

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return self._wire.added_tokens(tools, has_schema=has_schema)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, sent: Mapping[str, Any], request: ModelRequest) -> httpx.Response:
        timeout = httpx.Timeout(request.timeout_s, connect=min(_CONNECT_S, request.timeout_s))
        headers = self._headers(request)
        try:
            # httpx limits each read; the whole answer is limited here.
            async with asyncio.timeout(request.timeout_s):
                return await self._client.post(self._wire.path(request), json=sent, headers=headers, timeout=timeout)
        except TimeoutError as exc:
            raise http_errors.timed_out(self.name, request.timeout_s) from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise http_errors.from_exception(self.name, exc, request.timeout_s) from exc

    def _headers(self, request: ModelRequest) -> dict[str, str]:
        return {"Idempotency-Key": request.idempotency_key}

    def _refusal(self, status: int, answer: httpx.Response) -> Exception:
        return http_errors.from_status(
            self.name, status, answer.headers, answer.content, now=utc_now(), secret=self._key
        )

    def _response(
        self, request: ModelRequest, sent: dict[str, Any], received: Any, notes: tuple[str, ...]
    ) -> ModelResponse:
        try:
            completion = self._wire.read(received, request)
        except (MalformedError, RecursionError) as exc:
            raise http_errors.malformed(self.name, self._wire.answers, str(exc)) from exc
        usage, corrected = counted(completion.counts, self._bounds(request, completion))
        return ModelResponse(
            text=completion.text,
            usage=usage,
            finish_reason=completion.finish_reason,
            asked=completion.asked,
            sent=noted(sent, request.pictures),
            received=received,
            notes=(*completion.notes, *corrected, *notes, *(f"{name}:{how}" for name, how in completion.served)),
            served=completion.served,
            problem=completion.problem,
            opaque=None if completion.opaque is None else {"provider": self.name, **completion.opaque},
        )

    def _bounds(self, request: ModelRequest, completion: Completion) -> Bounds:
        """Return the most tokens that a call can have used, for a provider that gives no counts."""
        given = self.count_tokens(request.model, request_text(request))
        given += self.picture_tokens(request.model, request.pictures)
        given += self.added_tokens(len(request.tools), has_schema=request.output_schema is not None)
        if completion.hidden or request.reasoning_effort not in (None, "none"):
            return Bounds(given, request.max_tokens)
        calls = "".join(f"{one.name}{json.dumps(one.args, ensure_ascii=False)}" for one in completion.asked)
        return Bounds(given, min(self.count_tokens(request.model, completion.text + calls), request.max_tokens))
