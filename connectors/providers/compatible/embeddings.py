"""OpenAI's embeddings, which compatible services have as well. No I/O."""

from typing import Any

from connectors.providers.embeddings import Embedded, EmbeddingRequest, vectors_of
from connectors.providers.usage import whole_number
from connectors.providers.wire import MalformedError, an_object, objects, unsupported

_MOST_TEXTS = 2_048


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
