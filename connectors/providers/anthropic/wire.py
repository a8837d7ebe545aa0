"""Anthropic's messages as a wire of a provider."""

from typing import Any

from connectors.providers.anthropic.request import request_body
from connectors.providers.anthropic.response import read_message
from connectors.providers.anthropic.stream import MessageAssembler
from connectors.providers.base import ModelRequest
from connectors.providers.conversation import names_by_wire
from connectors.providers.streaming import Assembler
from connectors.providers.wire import TOKENS_OF_A_TOOL, Bounded, Completion

_VERSION = "2023-06-01"
#: Tools come with a system prompt of up to 530 tokens, and schemas with one of about 200; with room for changes.
_TOKENS_OF_TOOLS = 1_024
_TOKENS_OF_A_SCHEMA = 512


class MessagesWire(Bounded):
    """``POST /messages``."""

    answers = "a message"

    def headers(self, api_key: str) -> dict[str, str]:
        version = {"anthropic-version": _VERSION}
        return version | ({"x-api-key": api_key} if api_key else {})

    def path(self, request: ModelRequest) -> str:
        return "messages"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        return request_body(request)

    def read(self, received: object, request: ModelRequest) -> Completion:
        return read_message(received, request.tools)

    def stream_path(self, request: ModelRequest) -> str:
        return self.path(request)

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"stream": True}

    def assembler(self, request: ModelRequest) -> Assembler:
        return MessageAssembler(names_by_wire(request.tools))

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        of_tools = _TOKENS_OF_TOOLS + tools * TOKENS_OF_A_TOOL if tools else 0
        return of_tools + (_TOKENS_OF_A_SCHEMA if has_schema else 0)
