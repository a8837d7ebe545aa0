"""The provider ``google``: Gemini's ``generateContent`` and embeddings."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import names_by_wire
from connectors.providers.embeddings import Embedded, EmbeddingRequest, Purpose, vectors_of
from connectors.providers.google.request import request_body
from connectors.providers.google.response import read_content
from connectors.providers.google.stream import ContentAssembler
from connectors.providers.http_provider import HttpProvider
from connectors.providers.streaming import Assembler
from connectors.providers.wire import Bounded, Completion, an_object, objects, unsupported

_MOST_TEXTS = 100
_TASKS: Mapping[Purpose, str] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "similarity": "SEMANTIC_SIMILARITY",
}

GOOGLE_BASE_URL = "https://generativelanguage.googleapis.com/v1beta"


class GoogleEmbeddings:
    """``POST /models/{model}:batchEmbedContents``. Older models give no counts."""

    def embed_path(self, request: EmbeddingRequest) -> str:
        return f"models/{quote(request.model, safe='')}:batchEmbedContents"

    def embed_body(self, request: EmbeddingRequest) -> dict[str, Any]:
        if len(request.texts) > _MOST_TEXTS:
            raise unsupported("google", "texts", f"{len(request.texts)} texts, the most is {_MOST_TEXTS}; send fewer")
        options: dict[str, Any] = {} if request.purpose is None else {"taskType": _TASKS[request.purpose]}
        if request.dimensions is not None:
            options["outputDimensionality"] = request.dimensions
        model = f"models/{request.model}"
        return {"requests": [{"model": model, "content": {"parts": [{"text": t}]}} | options for t in request.texts]}

    def read_vectors(self, received: object, request: EmbeddingRequest) -> Embedded:
        answer = an_object(received)
        vectors = vectors_of([one.get("values") for one in objects(answer.get("embeddings"))], request)
        usage = an_object(answer.get("usageMetadata"))
        counts = {"input_tokens": usage.get("promptTokenCount"), "output_tokens": 0}
        return Embedded(vectors, counts, {name: value for name, value in answer.items() if name != "embeddings"})


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


class GoogleProvider(HttpProvider):
    """The Gemini API at ``base_url`` (with its version, ``…/v1beta``), with one organisation's key."""

    def __init__(self, api_key: str, base_url: str = GOOGLE_BASE_URL) -> None:
        super().__init__("google", GenerateContentWire(), api_key, base_url)
