"""A classifier of injections beside the rules: any ``Scorer`` as an engine of the detectors."""

import re
from collections.abc import Iterator
from typing import Final

from schemas.privacy.findings import Finding
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.ports import Scorer

#: Characters that are scored at once: classifiers read some hundred tokens, and lose one order in a long text.
WINDOW: Final = 1_000
_SENTENCE: Final = re.compile(r"[^.!?\n。!?]*[.!?\n。!?]*")


class Classified:
    """Finds parts of a text that a classifier scores ``least`` or more. It scores; policies decide.

    A text is scored in windows of whole sentences. A classifier that fails, or that gives no score from 0 to 1 for each
    window, refuses the text with ``DetectorFailed``.
    """

    def __init__(self, scorer: Scorer, least: float = 0.8) -> None:
        if not 0 < least <= 1:
            raise ValueError(f"least is {least}: it must be over 0 and at most 1")
        self._scorer = scorer
        self._least = least

    def find(self, text: str, above: str = "") -> list[Finding]:
        places = list(windows(text))
        if not places:
            return []
        scores = self._scorer.scores([text[start:end] for start, end in places])
        if len(scores) != len(places) or not all(0 <= score <= 1 for score in scores):
            raise DetectorFailed(
                "failed", f"the classifier {self._scorer.name} gave no score for each part of the text"
            )
        return [
            Finding(
                kind="injection",
                data_class="injection",
                start=start,
                end=end,
                confidence=score,
                rule=f"classifier/{self._scorer.name}",
            )
            for (start, end), score in zip(places, scores, strict=True)
            if score >= self._least
        ]


def windows(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of a text's windows; a sentence that is longer than one is cut."""
    start = end = 0
    for sentence in _SENTENCE.finditer(text):
        if sentence.end() - start > WINDOW:
            if text[start:end].strip():
                yield start, end
            start = end
            while sentence.end() - start > WINDOW:
                yield start, start + WINDOW
                start += WINDOW
        end = sentence.end()
    if text[start:end].strip():
        yield start, end
