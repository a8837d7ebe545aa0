"""Cohere's embeddings, version 2. No I/O."""

from collections.abc import Mapping
from typing import Any

from connectors.providers.cohere.response import read_counts
from connectors.providers.embeddings import Embedded, EmbeddingRequest, Purpose, vectors_of
from connectors.providers.wire import MalformedError, an_object, unsupported

_MOST_TEXTS = 96
#: The service requires one.
_INPUT: Mapping[Purpose | None, str] = {
    None: "search_document",
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}


class CohereEmbeddings:
    """``POST /embed``."""

    def embed_path(self, request: EmbeddingRequest) -> str:
        return "embed"

    def embed_body(self, request: EmbeddingRequest) -> dict[str, Any]:
        if len(request.texts) > _MOST_TEXTS:
            raise unsupported("cohere", "texts", f"{len(request.texts)} texts, the most is {_MOST_TEXTS}; send fewer")
        if request.purpose not in _INPUT:
            raise unsupported("cohere", "purpose", f"there is no {request.purpose!r}; use clustering or leave it out")
        body: dict[str, Any] = {
            "model": request.model,
            "texts": list(request.texts),
            "input_type": _INPUT[request.purpose],
            "embedding_types": ["float"],
            # A text that is too long fails, as elsewhere.
            "truncate": "NONE",
        }
        return body if request.dimensions is None else body | {"output_dimension": request.dimensions}

    def read_vectors(self, received: object, request: EmbeddingRequest) -> Embedded:
        answer = an_object(received)
        found = an_object(answer.get("embeddings")).get("float")
        if not isinstance(found, list):
            raise MalformedError("'embeddings.float' is not a list")
        counts = read_counts(answer.get("meta")) | {"output_tokens": 0}
        rest = {name: value for name, value in answer.items() if name not in ("embeddings", "texts")}
        return Embedded(vectors_of(found, request), counts, rest)
