"""The provider ``compatible``: any service that speaks OpenAI's chat completions and embeddings over HTTP."""

from typing import Any

from connectors.providers.base import ModelRequest
from connectors.providers.compatible.chat import MaxTokensField, read_completion, request_body
from connectors.providers.compatible.stream import ChatAssembler
from connectors.providers.conversation import names_by_wire
from connectors.providers.embeddings import Embedded, EmbeddingRequest, vectors_of
from connectors.providers.http_provider import HttpProvider
from connectors.providers.streaming import Assembler
from connectors.providers.usage import whole_number
from connectors.providers.wire import (
    Bounded,
    Completion,
    MalformedError,
    an_object,
    bearer,
    objects,
    parallel_of,
    unsupported,
)

_MOST_TEXTS = 2_048

#: OpenAI refuses more; so do most others.
_MOST_STOPS = 4


class OpenAIEmbeddings:
    """``POST /embeddings``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def embed_path(self, request: EmbeddingRequest) -> str:
        return "embeddings"

    def embed_body(self, request: EmbeddingRequest) -> dict[str, Any]:
        if len(request.texts) > _MOST_TEXTS:
            raise unsupported(self._name, "texts", f"{len(request.texts)} texts, the most is {_MOST_TEXTS}; send fewer")
        if request.purpose is not None:
            raise unsupported(self._name, "purpose", "its vectors are for all purposes; leave it out")
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts), "encoding_format": "float"}
        return body if request.dimensions is None else body | {"dimensions": request.dimensions}

    def read_vectors(self, received: object, request: EmbeddingRequest) -> Embedded:
        answer = an_object(received)
        rows = objects(answer.get("data"))
        # Services may answer in any order.
        by_index = {whole_number(row.get("index", at)): row.get("embedding") for at, row in enumerate(rows)}
        if set(by_index) != set(range(len(rows))):
            raise MalformedError("the vectors are not numbered from 0")
        vectors = vectors_of([by_index[at] for at in range(len(rows))], request)
        usage = an_object(answer.get("usage"))
        counts = {"input_tokens": usage.get("prompt_tokens", usage.get("total_tokens")), "output_tokens": 0}
        return Embedded(vectors, counts, {name: value for name, value in answer.items() if name != "data"})


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


class CompatibleProvider(HttpProvider):
    """One service at ``base_url`` (with its version, ``…/v1``). An empty key sends no header."""

    def __init__(self, api_key: str, base_url: str, *, name: str = "compatible") -> None:
        super().__init__(name, ChatWire(name), api_key, base_url)
