"""A static embedding: the mean of the vectors of a text's tokens, from the model inside of the package ``wordllama``.

Nothing is downloaded, and the package's own code is not imported: of it only two files are read. A text takes some
hundredths of a millisecond. It needs the packages ``wordllama``, ``tokenizers`` and ``numpy``
(``requirements-semantic.lock``).
"""

import json
import logging
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from connectors.ports.embedder import Vector

log = logging.getLogger(__name__)

PACKAGES = ("wordllama", "tokenizers", "numpy")
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
#: Longer texts are compared by their beginning.
_MOST_TOKENS = 2_048


def load_embedder() -> "StaticEmbedder | None":
    """Return the model; ``None``, with a warning, where its packages are not installed."""
    try:
        return StaticEmbedder()
    except ImportError as exc:
        log.warning("%s; answers are used for equal prompts only", exc, extra={"action": "no_embedder"})
        return None


class StaticEmbedder:
    """The model of ``wordllama``. Raises ``ImportError`` that names the packages where one is missing."""

    def __init__(self) -> None:
        missing = [name for name in PACKAGES if find_spec(name) is None]
        if missing:
            raise ImportError(f"semantic caching needs {', '.join(missing)}; install requirements-semantic.lock")
        spec = find_spec("wordllama")
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        self._weights = _weights(folder / _WEIGHTS)
        self._tokenizer = _tokenizer(folder / _TOKENIZER)

    @property
    def space(self) -> str:
        """The model and its size."""
        return "wordllama/l2_supercat_256"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return a vector of length 1 for each text; of one without a token all zeros."""
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> Vector:
        """Return the vector of one text."""
        import numpy as np

        ids = self._tokenizer.encode(text, add_special_tokens=False).ids[:_MOST_TOKENS]
        if not ids:
            return [0.0] * int(self._weights.shape[1])
        mean = self._weights[ids].astype(np.float32).mean(axis=0)
        vector: list[float] = (mean / np.linalg.norm(mean)).tolist()
        return vector


def _weights(path: Path) -> Any:
    """Return the only tensor of a file of safetensors, mapped into memory."""
    import numpy as np

    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
    ((begin, end), shape) = next((one["data_offsets"], one["shape"]) for name, one in head.items() if name[0] != "_")
    assert end - begin == 2 * shape[0] * shape[1]
    return np.memmap(path, dtype=np.float16, mode="r", offset=8 + length + begin, shape=tuple(shape))


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
