"""The small classifier: a logistic head over sentence vectors of MiniLM, trained on our own table of attacks.

An extra (``requirements-classifier.lock``), off unless a policy names ``classifier``. It knows what attacks are about,
where rules know their words; it takes some 100 ms/KB and reads English best. What it catches and misses is measured by
``make prove AREA=privacy``, see docs/explanation/injection.md. ``bench/privacy/injection/train.py`` makes the head.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from connectors.embeddings.minilm import MiniLm, missing_for_minilm
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.injection.classified import Classified

HEAD: Final = Path(__file__).with_name("head.json")
#: Below it no part of a text is a finding: clean e-mails score less.
LEAST: Final = 0.8


class Small:
    """Scores texts. Raises ``ImportError`` where the model's packages are missing."""

    name = "minilm-head-1"

    def __init__(self) -> None:
        self._model = MiniLm()
        head = json.loads(HEAD.read_text("utf-8"))
        self._weights: list[float] = head["weights"]
        self._bias: float = head["bias"]

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Return how likely each text holds instructions to a model."""
        try:
            return [self._score(text) for text in texts]
        except Exception as exc:  # noqa: BLE001 - every failure is a refusal, and its text may have a part of the value
            raise DetectorFailed(
                "failed", f"the classifier failed ({type(exc).__name__}): nothing was let pass"
            ) from None

    def _score(self, text: str) -> float:
        sides = zip(self._weights, self._model.vector(text), strict=True)
        return 1 / (1 + math.exp(-(sum(weight * one for weight, one in sides) + self._bias)))


def load_classifier() -> Classified:
    """Return the engine. Raises ``DetectorFailed`` where a package is missing."""
    if missing := missing_for_minilm():
        message = f"the classifier needs {', '.join(missing)}: install them, or do not name `classifier`"
        raise DetectorFailed("not_installed", message)
    return Classified(Small(), LEAST)
