"""Requests to batch APIs: JSON and files, by the provider's own connection."""

from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from connectors.providers import http_errors
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.http_answer import MOST_BYTES, Sent, json_bytes, json_sent
from connectors.providers.http_provider import HttpProvider
from connectors.providers.json_body import read_json
from connectors.providers.wire import an_object
from schemas.batches import BATCH_SERVED
from schemas.errors import StepError

#: An upload or the results of a large batch.
LONG_S = 300.0
SHORT_S = 30.0
#: The results of one batch; answers have 2 KiB on average.
MOST_RESULTS = 512 * 1024 * 1024
#: Pages of listed batches, and how many are on one. More than these are not made while one submission is unclear.
PAGES, PAGE = 20, 100
_BOUNDARY = "agentflow-batch-0f1e2d3c4b5a"


class Exchanges:
    """What both batch APIs need of a provider."""

    def __init__(self, provider: HttpProvider) -> None:
        self._provider = provider

    def question(self, request: ModelRequest) -> tuple[str, dict[str, Any]]:
        return self._provider.question(request)

    def answer(self, request: ModelRequest, sent: dict[str, Any], received: Any, input_tokens: int) -> ModelResponse:
        response = self._provider.read_answer(request, sent, received, input_tokens)
        return _by_batch(response)

    async def _post(
        self,
        path: str,
        body: dict[str, Any],
        key: SecretStr | None,
        idempotency_key: str = "",
        timeout_s: float = SHORT_S,
    ) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._json(json_sent(path, body, headers), key, timeout_s)

    async def _get(self, path: str, key: SecretStr | None) -> Any:
        return await self._json(Sent(path, b"", {}, "GET"), key)

    async def _delete(self, path: str, key: SecretStr | None) -> None:
        await self._provider.exchange(Sent(path, b"", {}, "DELETE"), key, SHORT_S, MOST_BYTES)

    async def _lines(self, path: str, key: SecretStr | None) -> list[dict[str, Any]]:
        """Return the objects of a JSONL file."""
        body = await self._provider.exchange(Sent(path, b"", {}, "GET"), key, LONG_S, MOST_RESULTS)
        try:
            return [an_object(read_json(line).value) for line in body.splitlines() if line.strip()]
        except (ValueError, RecursionError) as exc:
            raise http_errors.malformed(self._provider.name, "lines of JSON", str(exc)) from exc

    async def _upload(self, name: str, data: bytes, key: SecretStr | None) -> Any:
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        return await self._json(Sent("files", _multipart(name, data), headers), key, LONG_S)

    async def _json(self, sent: Sent, key: SecretStr | None, timeout_s: float = SHORT_S) -> Any:
        body = await self._provider.exchange(sent, key, timeout_s, MOST_BYTES)
        try:
            return an_object(read_json(body).value)
        except (ValueError, RecursionError) as exc:
            raise http_errors.malformed(self._provider.name, "a JSON object", str(exc)) from exc

    def _id_of(self, answer: Any, what: str) -> str:
        found = answer.get("id")
        if not isinstance(found, str) or not found:
            raise http_errors.malformed(self._provider.name, what, "it has no id")
        return found


def is_unknown_here(error: StepError) -> bool:
    """Return whether the provider says that there is no such batch."""
    return error.details.get("status") == "404"


def json_line(value: dict[str, Any]) -> bytes:
    """Return one line of a JSONL file."""
    return json_bytes(value) + b"\n"


def _multipart(name: str, data: bytes) -> bytes:
    begin = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return begin.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _by_batch(response: ModelResponse) -> ModelResponse:
    others = tuple(how for how in response.served if how not in BATCH_SERVED)
    return replace(response, served=(*BATCH_SERVED, *others))
