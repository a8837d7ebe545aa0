"""The provider ``openai``: OpenAI's chat completions or responses, at OpenAI or where the same is spoken."""

from typing import Literal
from urllib.parse import urlsplit

from connectors.providers.compatible.wire import ChatWire
from connectors.providers.http_provider import HttpProvider
from connectors.providers.openai.responses_wire import ResponsesWire
from connectors.providers.wire import Wire

OPENAI_BASE_URL = "https://api.openai.com/v1"


class OpenAIProvider(HttpProvider):
    """OpenAI at ``base_url`` (with its version, ``…/v1``), with one organisation's key.

    An empty key sends no header, as services on one's own machine want it.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = OPENAI_BASE_URL,
        *,
        name: str = "openai",
        wire: Literal["chat", "responses"] = "chat",
    ) -> None:
        super().__init__(name, ResponsesWire(name) if wire == "responses" else _chat(name, base_url), api_key, base_url)


def _chat(name: str, base_url: str) -> Wire:
    # OpenAI's newer models refuse ``max_tokens``, and many compatible services know nothing else.
    hosted = urlsplit(base_url).hostname == "api.openai.com"
    return ChatWire(name, "max_completion_tokens" if hosted else "max_tokens")
