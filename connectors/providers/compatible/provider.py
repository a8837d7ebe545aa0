"""The provider ``compatible``: any service that speaks OpenAI's chat completions over HTTP, without streaming."""

from connectors.providers.compatible.wire import ChatWire
from connectors.providers.http_provider import HttpProvider


class CompatibleProvider(HttpProvider):
    """One service at ``base_url`` (with its version, ``…/v1``). An empty key sends no header."""

    def __init__(self, api_key: str, base_url: str, *, name: str = "compatible") -> None:
        super().__init__(name, ChatWire(name), api_key, base_url)
