"""Gemini's embeddings. No I/O."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.providers.embeddings import Embedded, EmbeddingRequest, Purpose, vectors_of
from connectors.providers.wire import an_object, objects, unsupported

_MOST_TEXTS = 100
_TASKS: Mapping[Purpose, str] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "similarity": "SEMANTIC_SIMILARITY",
}


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
