"""The provider ``local`` over HTTP: the same models in a ``local.server``, which counts its calls."""

from collections.abc import Sequence
from contextlib import aclosing

from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.embeddings import EmbeddingRequest
from connectors.providers.images import ImageInput
from connectors.providers.local import images
from connectors.providers.local import tokens as local_tokens
from connectors.providers.local.behaviour import ATTEMPT_HEADER
from connectors.providers.local.one_prompt import one_prompt
from connectors.providers.openai.provider import OpenAIProvider
from connectors.providers.streaming import Deltas


class LocalHttpProvider(OpenAIProvider):
    """The local models behind a ``local_server``; ``base_url`` is the server's, with or without ``/v1``.

    It behaves as ``LocalProvider`` does: the same answers, token counts and errors.
    """

    def __init__(self, base_url: str) -> None:
        root = base_url.rstrip("/").removesuffix("/v1")
        super().__init__("", f"{root}/v1", name="local")

    async def complete(self, request: ModelRequest) -> ModelResponse:
        return await super().complete(one_prompt(request))

    async def stream(self, request: ModelRequest) -> Deltas:
        async with aclosing(super().stream(one_prompt(request))) as deltas:
            async for delta in deltas:
                yield delta

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    def count_tokens(self, model: str, text: str) -> int:
        """Return exactly the tokens that the server will count."""
        return local_tokens.count(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        """Return exactly the tokens that the server will count."""
        return local_tokens.count(images.together([picture.said for picture in pictures])) if pictures else 0

    def _headers(self, request: ModelRequest | EmbeddingRequest) -> dict[str, str]:
        attempt = request.attempt if isinstance(request, ModelRequest) else 0
        return super()._headers(request) | {ATTEMPT_HEADER: str(attempt)}
