"""A client of the provider that costs little CPU, so that quotas are measured and not HTTP."""

from collections.abc import Sequence

import aiohttp

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.images import ImageInput
from connectors.providers.rate_limits import observed
from schemas.clock import utc_now
from schemas.errors import StepError
from schemas.records.base import Usage


class Asking:
    """Asks a ``LimitedProvider``; it reads rate-limit headers as every provider's client does."""

    name = "openai"

    def __init__(self, url: str) -> None:
        self._url = f"{url}/chat/completions"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def complete(self, request: ModelRequest) -> ModelResponse:
        body = {"messages": [{"role": "user", "content": request.prompt}], "max_tokens": request.max_tokens}
        async with self._session.post(self._url, json=body) as answer:
            if answer.status == 429:
                wait_ms = int(answer.headers["retry-after-ms"])
                raise StepError("rate_limited", "429", retryable=True, retry_after_ms=wait_ms)
            counts = (await answer.json())["usage"]
        usage = Usage(input_tokens=counts["prompt_tokens"], output_tokens=counts["completion_tokens"])
        return ModelResponse("x", usage, limits=observed(answer.headers, utc_now()))

    def count_tokens(self, model: str, text: str) -> int:
        return len(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return 0

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        await self._session.close()
