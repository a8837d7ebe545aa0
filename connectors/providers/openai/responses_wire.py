"""OpenAI's responses as a wire of a provider."""

from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.embeddings import OpenAIEmbeddings
from connectors.providers.conversation import names_by_wire
from connectors.providers.openai.responses import read_response
from connectors.providers.openai.responses_request import request_body
from connectors.providers.openai.responses_stream import ResponsesAssembler
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion, bearer


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
