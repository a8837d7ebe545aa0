"""Gemini's ``generateContent`` as a wire of a provider."""

from typing import Any
from urllib.parse import quote

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import names_by_wire
from connectors.providers.google.embeddings import GoogleEmbeddings
from connectors.providers.google.request import request_body
from connectors.providers.google.response import read_content
from connectors.providers.google.stream import ContentAssembler
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion


class GenerateContentWire(Bounded, GoogleEmbeddings):
    """``POST /models/{model}:generateContent``."""

    answers = "generated content"

    def headers(self, api_key: str) -> dict[str, str]:
        return {"x-goog-api-key": api_key} if api_key else {}

    def path(self, request: ModelRequest) -> str:
        return f"models/{quote(request.model, safe='')}:generateContent"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        return request_body(request)

    def read(self, received: object, request: ModelRequest) -> Completion:
        return read_content(received, request.tools)

    def stream_path(self, request: ModelRequest) -> str:
        return f"models/{quote(request.model, safe='')}:streamGenerateContent?alt=sse"

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return body

    def assembler(self, request: ModelRequest) -> Assembler:
        return ContentAssembler(names_by_wire(request.tools))
