"""The provider ``anthropic``: Anthropic's messages, without streaming."""

from connectors.providers.anthropic.wire import MessagesWire
from connectors.providers.http_provider import HttpProvider

ANTHROPIC_BASE_URL = "https://api.anthropic.com/v1"


class AnthropicProvider(HttpProvider):
    """Anthropic at ``base_url`` (with its version, ``…/v1``), with one organisation's key."""

    def __init__(self, api_key: str, base_url: str = ANTHROPIC_BASE_URL) -> None:
        super().__init__("anthropic", MessagesWire(), api_key, base_url)
