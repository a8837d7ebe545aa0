"""The provider ``google``: Gemini's ``generateContent``, without streaming."""

from connectors.providers.google.wire import GenerateContentWire
from connectors.providers.http_provider import HttpProvider

GOOGLE_BASE_URL = "https://generativelanguage.googleapis.com/v1beta"


class GoogleProvider(HttpProvider):
    """The Gemini API at ``base_url`` (with its version, ``…/v1beta``), with one organisation's key."""

    def __init__(self, api_key: str, base_url: str = GOOGLE_BASE_URL) -> None:
        super().__init__("google", GenerateContentWire(), api_key, base_url)
