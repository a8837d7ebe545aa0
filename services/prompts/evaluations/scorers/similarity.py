"""Scorers of texts that are alike: ``similarity`` by vectors, ``bleu`` and ``chrf`` of nltk, and ``rouge_l``.

nltk's functions need no data files: texts are split into words here. Its import takes seconds, so texts are compared in
a thread.
"""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from connectors.ports.embedder import Embedder
from schemas.prompts.evaluations import Answered, Case
from services.prompts.evaluations.scorers.base import CannotScore, Mark, Options, part_of, text_of, texts_of

_WORD = re.compile(r"\w+|[^\w\s]")
#: More words of a text make n-grams slow, and no score more exact.
MOST_WORDS = 20_000
_BLEU_ORDER, _CHRF_ORDER = 4, 6


class AlikeOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With ``least`` the score is 1 from this likeness on and else 0; without it, it is the likeness."""

    least: float | None = None


class Similarity:
    """The cosine of the vectors of output and expected text, at least 0; of several expected texts the most alike."""

    def __init__(self, options: AlikeOptions, embedder: Embedder) -> None:
        """Raises ``ValueError`` for a ``least`` outside of 0 to 1."""
        self._options, self._embedder = _checked(options), embedder

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        text = text_of(part_of(answer.output, self._options.path))
        found, *wanted = await self._embedder.embed([text, *texts_of(case)])
        likeness = max(_dot(found, one) for one in wanted)
        return _marked(likeness, self._options)


Likeness = Callable[[str, str], float]
"""How alike an output and one expected text are, 0 to 1."""


class Alike:
    """A likeness of texts; of several expected texts the most alike counts."""

    def __init__(self, options: AlikeOptions, likeness: Likeness) -> None:
        """Raises ``ValueError`` for a ``least`` outside of 0 to 1."""
        self._options, self._likeness = _checked(options), likeness

    async def __call__(self, case: Case, answer: Answered) -> Mark:
        text = text_of(part_of(answer.output, self._options.path))
        wanted = texts_of(case)
        likeness = await asyncio.to_thread(lambda: max(self._likeness(text, one) for one in wanted))
        return _marked(likeness, self._options)


def bleu(text: str, expected: str) -> float:
    """Return BLEU of sentences, with nltk's smoothing 1 and n-grams as long as the shorter text has them, up to 4.

    Raises ``CannotScore`` where nltk is not installed.
    """
    found, wanted = words(text), words(expected)
    order = min(_BLEU_ORDER, len(found), len(wanted))
    if not order:
        return float(found == wanted)
    scores = _nltk("bleu_score")
    smoothed = scores.SmoothingFunction().method1
    return float(scores.sentence_bleu([wanted], found, weights=(1 / order,) * order, smoothing_function=smoothed))


def chrf(text: str, expected: str) -> float:
    """Return chrF (beta 3) of nltk, with n-grams of characters as long as the shorter text has them, up to 6.

    Raises ``CannotScore`` where nltk is not installed.
    """
    lengths = [len("".join(one.split())) for one in (text, expected)]
    order = min(_CHRF_ORDER, *lengths)
    if not order:
        return float(lengths[0] == lengths[1])
    return float(_nltk("chrf_score").sentence_chrf(expected, text, max_len=order))


def rouge_l(text: str, expected: str) -> float:
    """Return the F1 of the longest common subsequence of words, without case (Lin, 2004)."""
    found, wanted = words(text.lower()), words(expected.lower())
    if not found or not wanted:
        return float(found == wanted)
    return 2 * common(found, wanted) / (len(found) + len(wanted))


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by bits of one integer (Hyyrö, 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    mask = (1 << len(one)) - 1
    state = mask
    for word in other:
        hits = state & places.get(word, 0)
        state = ((state + hits) | (state - hits)) & mask
    return len(one) - state.bit_count()


def words(text: str) -> list[str]:
    """Return the words and signs of a text."""
    return _WORD.findall(text)[:MOST_WORDS]


def _nltk(module: str) -> Any:
    try:
        from nltk.translate import bleu_score, chrf_score
    except ImportError as exc:
        raise CannotScore("nltk is not installed; run `pip install nltk`, or use rouge_l") from exc
    return {"bleu_score": bleu_score, "chrf_score": chrf_score}[module]


def _checked(options: AlikeOptions) -> AlikeOptions:
    if options.least is not None and not 0 <= options.least <= 1:
        raise ValueError(f"least is {options.least}; write a number from 0 to 1, or leave it out")
    return options


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _marked(likeness: float, options: AlikeOptions) -> Mark:
    likeness = min(1.0, max(0.0, likeness))
    if options.least is None:
        return Mark(score=likeness)
    return Mark(score=float(likeness >= options.least), note=f"likeness {likeness:.3f}")
