"""The provider ``openai``: OpenAI's chat completions or responses, at OpenAI or where the same is spoken."""

from typing import Any, Literal
from urllib.parse import urlsplit

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.wire import ChatWire, OpenAIEmbeddings
from connectors.providers.conversation import names_by_wire
from connectors.providers.http_provider import HttpProvider
from connectors.providers.openai.responses import read_response
from connectors.providers.openai.responses_request import request_body
from connectors.providers.openai.responses_stream import ResponsesAssembler
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion, Wire, bearer

OPENAI_BASE_URL = "https://api.openai.com/v1"


class ResponsesWire(Bounded, OpenAIEmbeddings):
    """``POST /responses``."""

    answers = "a response"

    def headers(self, api_key: str) -> dict[str, str]:
        return bearer(api_key)

    def path(self, request: ModelRequest) -> str:
        return "responses"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        return request_body(request, self._name)

    def read(self, received: object, request: ModelRequest) -> Completion:
        return read_response(received, request.tools)

    def stream_path(self, request: ModelRequest) -> str:
        return self.path(request)

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"stream": True}

    def assembler(self, request: ModelRequest) -> Assembler:
        return ResponsesAssembler(names_by_wire(request.tools))


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
