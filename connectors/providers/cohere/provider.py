"""The provider ``cohere``: Cohere's chat, version 2, without streaming."""

from connectors.providers.cohere.wire import ChatV2Wire
from connectors.providers.http_provider import HttpProvider

COHERE_BASE_URL = "https://api.cohere.com/v2"


class CohereProvider(HttpProvider):
    """Cohere at ``base_url`` (with its version, ``…/v2``), with one organisation's key."""

    def __init__(self, api_key: str, base_url: str = COHERE_BASE_URL) -> None:
        super().__init__("cohere", ChatV2Wire(), api_key, base_url)
