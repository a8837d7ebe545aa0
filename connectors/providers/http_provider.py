"""A provider behind HTTP: sends what its wire writes, and maps all that can go wrong in one place."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

from pydantic import SecretStr

from connectors.http.clients import service_client
from connectors.providers import http_errors
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.connections import USUAL, Connection
from connectors.providers.deltas import Delta, End
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse, EmbeddingWire
from connectors.providers.http_answer import HttpAnswer, Limits, Sent, asked, json_sent
from connectors.providers.images import ImageInput, noted
from connectors.providers.json_body import Parsed, json_text, read_json
from connectors.providers.rate_limits import observed
from connectors.providers.request_text import request_text
from connectors.providers.stream_reading import ErrorFrameError, StreamReading
from connectors.providers.streaming import Deltas, StreamedWire, whole
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import Completion, MalformedError, Wire, unsupported
from schemas.clock import utc_now
from schemas.errors import StepError
from schemas.spec.provider_options import merged

#: A chat adds a few tokens of its own around each message and before the answer; today it is about seven.
FRAME_TOKENS = 16
#: How long a service may take to close a stream that it has ended, so that its connection can be used again.
_AFTER_THE_END_S = 0.25


class HttpProvider:
    """One service at ``base_url``, with the environment's key, or that of a request.

    A key is sent in a header and appears nowhere else: not in ``sent``, errors or ``repr``. It never retries.
    """

    def __init__(self, name: str, wire: Wire, api_key: str, base_url: str) -> None:
        self.name = name
        self._wire = wire
        self._key = api_key
        self.base_url = base_url.rstrip("/") + "/"
        self.configure(USUAL)

    def configure(self, connection: Connection) -> None:
        """Say how the service is reached, before the first request."""
        self._connection = connection
        proxy = "" if connection.proxy is None else connection.proxy.get_secret_value()
        headers = connection.headers | self._wire.headers(self._key)
        self._client = service_client(self.base_url, headers, connection.connections, proxy)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        sent = self._body(request)
        async with self._asked(self._wire.path(request), sent, request) as answer:
            return self._plain(request, sent, answer, await self._success(request.api_key, answer))

    async def stream(self, request: ModelRequest) -> Deltas:
        wire = self._wire
        if not isinstance(wire, StreamedWire):
            async with aclosing(whole(await self.complete(request))) as deltas:
                async for delta in deltas:
                    yield delta
            return
        sent = wire.stream_body(self._body(request))
        async with self._asked(wire.stream_path(request), sent, request) as answer:
            if not answer.is_success or not answer.is_stream:
                # Some services answer a request for a stream with a plain body.
                response = self._plain(request, sent, answer, await self._success(request.api_key, answer))
                async with aclosing(whole(response)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            reading = StreamReading(wire.assembler(request), Bounds(self._given(request), request.max_tokens))
            more = True
            while more:
                found, more, error = await self._read(request, answer, reading)
                for one in found:
                    yield one
                if error is not None:
                    raise error
            yield End(self._assembled(request, sent, answer, reading))

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        wire = self._wire
        if not isinstance(wire, EmbeddingWire):
            raise unsupported(self.name, "embeddings", "the service has none; choose another provider")
        sent = wire.embed_body(request)
        async with self._asked(wire.embed_path(request), sent, request) as answer:
            body = await self._success(request.api_key, answer)
            received, notes = self._value(request, answer, body)
        try:
            found = wire.read_vectors(received, request)
        except MalformedError as exc:
            raise http_errors.malformed(self.name, "vectors", str(exc)) from exc
        most = sum(self.count_tokens(request.model, text) for text in request.texts)
        usage, corrected = counted(found.counts, Bounds(most, 0))
        return EmbeddingResponse(found.vectors, usage, sent, found.rest, (*corrected, *notes))

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

    async def exchange(self, sent: Sent, key: SecretStr | None, timeout_s: float, most_bytes: int) -> bytes:
        """Return the body of a success. ``key`` is sent in place of the environment's.

        It is for what is no call of a model, such as files. Raises ``StepError`` as ``complete`` does.
        """
        whole = sent._replace(headers=self._own(key) | dict(sent.headers))
        limits, connect_s = Limits(timeout_s, timeout_s, most_bytes), self._connection.connect_ms / 1000
        async with asked(self._client, self.name, lambda: whole, limits, connect_s) as answer:
            return await self._success(key, answer)

    def question(self, request: ModelRequest) -> tuple[str, dict[str, Any]]:
        """Return path and body of a call that somebody else sends, as a part of a batch.

        Raises a final ``StepError`` ``unsupported_parameter``.
        """
        return self._wire.path(request), self._body(request)

    def read_answer(
        self, request: ModelRequest, sent: dict[str, Any], received: Any, input_tokens: int
    ) -> ModelResponse:
        """Return the answer to a call that was ``sent`` as a part of a batch; ``input_tokens`` bounds what it read.

        Raises ``StepError``.
        """
        status = http_errors.status_of_error(received)
        if status is not None:
            raise self._refusal(request.api_key, status, {}, json_text(received).encode())
        bounds = Bounds(input_tokens, request.max_tokens)
        return self._response(request, sent, received, (), {}, bounds)

    def refusal(self, status: int, body: bytes) -> StepError:
        """Return the error that a call of a batch ended with."""
        return self._refusal(None, status, {}, body)

    async def close(self) -> None:
        await self._client.aclose()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        """Return the wire's body with the options for this provider. Raises ``unsupported_parameter``."""
        body, taken = merged(self._wire.body(request), request.options.get(self.name, {}))
        if taken is not None:
            why = "the call sets it itself; remove it from policy.provider_options"
            raise unsupported(self.name, f"provider_options.{taken}", why)
        return body

    def _asked(
        self, path: str, sent: Mapping[str, Any], request: ModelRequest | EmbeddingRequest
    ) -> AbstractAsyncContextManager[HttpAnswer]:
        connection = self._connection
        limits = Limits(request.timeout_s, min(request.silence_s, connection.silence_ms / 1000))
        connect_s = connection.connect_ms / 1000
        return asked(self._client, self.name, lambda: json_sent(path, sent, self._headers(request)), limits, connect_s)

    async def _success(self, key: SecretStr | None, answer: HttpAnswer) -> bytes:
        """Return a success's body. Raises the error that any other status means."""
        body = await answer.whole()
        if not answer.is_success:
            raise self._refusal(key, answer.status, answer.headers, body)
        return body

    async def _read(
        self, request: ModelRequest, answer: HttpAnswer, reading: StreamReading
    ) -> tuple[list[Delta], bool, StepError | None]:
        """Return what comes next of a stream, whether more may come, and the error after it.

        An answer that is whole is one, whatever becomes of the rest of its stream.
        """
        found: list[Delta] = []
        try:
            chunk = await answer.next(_AFTER_THE_END_S if reading.closed else None)
            for delta in reading.feed(chunk):
                found.append(delta)  # noqa: PERF402 - what came before an error is delivered
            if chunk is None and not reading.finished:
                raise http_errors.cut(self.name)
            return found, chunk is not None, None
        except (StepError, ErrorFrameError, MalformedError) as exc:
            if reading.finished:
                return found, False, None
            return found, False, self._broken(request, answer, reading, exc)

    def _broken(self, request: ModelRequest, answer: HttpAnswer, reading: StreamReading, exc: Exception) -> StepError:
        """Return the error of a stream; once the answer has begun, it may be billed."""
        if isinstance(exc, ErrorFrameError):
            error = self._refusal(request.api_key, exc.status, answer.headers, json_text(exc.frame).encode())
        elif isinstance(exc, StepError):
            error = exc
        else:
            error = http_errors.malformed(self.name, self._wire.answers, str(exc))
        if reading.spoke:
            error.details["outcome"] = "unknown"
        return error

    def _plain(self, request: ModelRequest, sent: dict[str, Any], answer: HttpAnswer, body: bytes) -> ModelResponse:
        received, notes = self._value(request, answer, body)
        return self._response(request, sent, received, notes, answer.headers)

    def _value(self, request: ModelRequest | EmbeddingRequest, answer: HttpAnswer, body: bytes) -> Parsed:
        try:
            parsed = read_json(body)
        except (ValueError, RecursionError) as exc:
            raise http_errors.malformed(self.name, self._wire.answers, str(exc)) from exc
        status = http_errors.status_of_error(parsed.value)
        if status is not None:
            raise self._refusal(request.api_key, status, answer.headers, body)
        return parsed

    def _assembled(
        self, request: ModelRequest, sent: dict[str, Any], answer: HttpAnswer, reading: StreamReading
    ) -> ModelResponse:
        received, notes = reading.body()
        status = http_errors.status_of_error(received)
        if status is not None:
            raise self._broken(request, answer, reading, ErrorFrameError(status, received))
        return self._response(request, sent, received, notes, answer.headers)

    def _headers(self, request: ModelRequest | EmbeddingRequest) -> dict[str, str]:
        own = {"Idempotency-Key": request.idempotency_key, **request.trace_headers}
        return own | self._own(request.api_key)

    def _own(self, key: SecretStr | None) -> dict[str, str]:
        """Return the headers of a key that is sent in place of the environment's."""
        return {} if key is None else self._wire.headers(key.get_secret_value())

    def _refusal(self, key: SecretStr | None, status: int, headers: Mapping[str, str], body: bytes) -> StepError:
        secret = self._key if key is None else key.get_secret_value()
        return http_errors.from_status(self.name, status, headers, body, now=utc_now(), secret=secret)

    def _response(
        self,
        request: ModelRequest,
        sent: dict[str, Any],
        received: Any,
        notes: tuple[str, ...],
        headers: Mapping[str, str],
        most: Bounds | None = None,
    ) -> ModelResponse:
        try:
            completion = self._wire.read(received, request)
        except (MalformedError, RecursionError) as exc:
            raise http_errors.malformed(self.name, self._wire.answers, str(exc)) from exc
        usage, corrected = counted(completion.counts, most or self._bounds(request, completion))
        return ModelResponse(
            text=completion.text,
            usage=usage,
            finish_reason=completion.finish_reason,
            asked=completion.asked,
            sent=noted(sent, request.pictures),
            received=received,
            notes=(*completion.notes, *corrected, *notes, *(f"{name}:{how}" for name, how in completion.served)),
            served=completion.served,
            stated_cost_usd=completion.stated_cost_usd,
            problem=completion.problem,
            opaque=None if completion.opaque is None else {"provider": self.name, **completion.opaque},
            limits=observed(headers, utc_now()),
        )

    def _bounds(self, request: ModelRequest, completion: Completion) -> Bounds:
        """Return the most tokens that a call can have used, for a provider that gives no counts."""
        given = self._given(request)
        if completion.hidden or request.reasoning_effort not in (None, "none"):
            return Bounds(given, request.max_tokens)
        calls = "".join(f"{one.name}{json.dumps(one.args, ensure_ascii=False)}" for one in completion.asked)
        return Bounds(given, min(self.count_tokens(request.model, completion.text + calls), request.max_tokens))

    def _given(self, request: ModelRequest) -> int:
        given = self.count_tokens(request.model, request_text(request))
        given += self.picture_tokens(request.model, request.pictures)
        return given + self.added_tokens(len(request.tools), has_schema=request.output_schema is not None)
