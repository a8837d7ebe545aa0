"""Chat completions as a wire of a provider."""

from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.chat import MaxTokensField, read_completion, request_body
from connectors.providers.compatible.embeddings import OpenAIEmbeddings
from connectors.providers.compatible.stream import ChatAssembler
from connectors.providers.conversation import names_by_wire
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion, bearer, parallel_of, unsupported

#: OpenAI refuses more; so do most others.
_MOST_STOPS = 4


class ChatWire(Bounded, OpenAIEmbeddings):
    """OpenAI's chat completions. ``max_tokens_field`` is how the service calls the limit."""

    answers = "a chat completion"

    def __init__(self, name: str, max_tokens_field: MaxTokensField = "max_tokens") -> None:
        super().__init__(name)
        self._field = max_tokens_field

    def headers(self, api_key: str) -> dict[str, str]:
        return bearer(api_key)

    def path(self, request: ModelRequest) -> str:
        return "chat/completions"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        if len(request.stop) > _MOST_STOPS:
            raise unsupported(self._name, "stop", f"{len(request.stop)} stop texts, the most is {_MOST_STOPS}")
        parallel_of(request, self._name)
        return request_body(request, self._field)

    def read(self, received: object, request: ModelRequest) -> Completion:
        return read_completion(received, request.tools)

    def stream_path(self, request: ModelRequest) -> str:
        return self.path(request)

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"stream": True, "stream_options": {"include_usage": True}}

    def assembler(self, request: ModelRequest) -> Assembler:
        return ChatAssembler(names_by_wire(request.tools))
