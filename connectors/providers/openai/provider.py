"""The provider ``openai``: OpenAI's chat completions, at OpenAI or at a base URL that speaks the same."""

import httpx

from connectors.providers.compatible.wire import ChatWire
from connectors.providers.http_provider import HttpProvider

OPENAI_BASE_URL = "https://api.openai.com/v1"


class OpenAIProvider(HttpProvider):
    """OpenAI at ``base_url`` (with its version, ``…/v1``), with one organisation's key.

    An empty key sends no header, as services on one's own machine want it.
    """

    def __init__(self, api_key: str, base_url: str = OPENAI_BASE_URL, *, name: str = "openai") -> None:
        # OpenAI's newer models refuse ``max_tokens``, and many compatible services know nothing else.
        hosted = httpx.URL(base_url).host == "api.openai.com"
        wire = ChatWire(name, "max_completion_tokens" if hosted else "max_tokens")
        super().__init__(name, wire, api_key, base_url)
