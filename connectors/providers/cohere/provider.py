"""The provider ``cohere``: Cohere's chat, version 2, and embeddings."""

from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.cohere.embeddings import CohereEmbeddings
from connectors.providers.cohere.request import request_body
from connectors.providers.cohere.response import read_chat
from connectors.providers.cohere.stream import ChatV2Assembler
from connectors.providers.conversation import names_by_wire
from connectors.providers.http_provider import HttpProvider
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion, bearer

COHERE_BASE_URL = "https://api.cohere.com/v2"


class ChatV2Wire(Bounded, CohereEmbeddings):
    """``POST /chat``."""

    answers = "a chat response"

    def headers(self, api_key: str) -> dict[str, str]:
        return bearer(api_key)

    def path(self, request: ModelRequest) -> str:
        return "chat"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        return request_body(request)

    def read(self, received: object, request: ModelRequest) -> Completion:
        return read_chat(received, request.tools)

    def stream_path(self, request: ModelRequest) -> str:
        return self.path(request)

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"stream": True}

    def assembler(self, request: ModelRequest) -> Assembler:
        return ChatV2Assembler(names_by_wire(request.tools))


class CohereProvider(HttpProvider):
    """Cohere at ``base_url`` (with its version, ``…/v2``), with one organisation's key."""

    def __init__(self, api_key: str, base_url: str = COHERE_BASE_URL) -> None:
        super().__init__("cohere", ChatV2Wire(), api_key, base_url)
