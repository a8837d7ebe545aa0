"""The extractive work behind the ``local`` models: sentences, their ranking, and key terms.

The libraries (``segtok``, ``sumy``, ``yake``) come with ``requirements-local.lock`` and take about a second
to import, so they are imported on first use. They know English stop words; other languages work with less
grace. All results depend on the text alone: ranks are rounded and ties go to the earlier sentence.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from schemas.errors import StepError

if TYPE_CHECKING:
    from sumy.models.dom import ObjectDocumentModel
    from sumy.nlp.stemmers import Stemmer

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SOME_WORDS = 5
_MANY_WORDS = 60
#: A ranking by graph compares every pair: 60 sentences take about 30 ms. Longer texts go in rounds of this
#: many.
_ROUND = 60
_KEPT_OF_ROUND = 12
#: segtok looks at each place between two words; a text without any end of sentence is cut to be safe.
_LONGEST_PARAGRAPH = 20_000


def words(text: str) -> list[str]:
    """Return the words of ``text``, in order; numbers and signs are none."""
    return _WORD.findall(text)


def sentences(paragraphs: Sequence[str]) -> list[str]:
    """Return the sentences of the paragraphs, in order. Raises ``StepError`` when the library is missing."""
    try:
        from segtok.segmenter import split_single
    except ImportError as exc:
        raise _missing(exc) from exc
    found: list[str] = []
    for paragraph in paragraphs:
        for start in range(0, len(paragraph), _LONGEST_PARAGRAPH):
            found += (s.strip() for s in split_single(paragraph[start : start + _LONGEST_PARAGRAPH]))
    return [s for s in found if s]


def candidates(found: Sequence[str], wanted: int) -> list[str]:
    """Return the sentences worth quoting: each once; no headings and no long ones, if enough are left."""
    unique = list(dict.fromkeys(found))
    handy = [s for s in unique if _SOME_WORDS <= len(words(s)) <= _MANY_WORDS]
    return handy if len(handy) >= wanted else unique


def by_textrank(found: Sequence[str]) -> list[str]:
    """Return sentences by their TextRank, best first; of a long text only the survivors of a first round."""
    survivors = list(found)
    while len(survivors) > _ROUND:
        rounds = [survivors[i : i + _ROUND] for i in range(0, len(survivors), _ROUND)]
        best = [set(_textrank(part)[:_KEPT_OF_ROUND]) for part in rounds]
        survivors = [s for part, kept in zip(rounds, best, strict=True) for s in part if s in kept]
    return _textrank(survivors)


def by_luhn(found: Sequence[str]) -> list[str]:
    """Return sentences by Luhn's density of significant words, best first."""
    try:
        from sumy.summarizers.luhn import LuhnSummarizer
    except ImportError as exc:
        raise _missing(exc) from exc
    summarizer = LuhnSummarizer(_stemmer())
    summarizer.stop_words = _stop_words()
    counted = Counter(s for text in found for w in words(text) if (s := summarizer.stem_word(w)))
    stops = {summarizer.stem_word(w) for w in _stop_words()}
    significant = frozenset(w for w, n in counted.items() if n > 1 and w not in stops)
    document = _document(found)
    ranks = [summarizer.rate_sentence(sentence, significant) for sentence in document.sentences]
    return _best_first(found, ranks)


def lead(parts: Sequence[Sequence[str]], wanted: int) -> list[str]:
    """Return the first sentences of a text, or the first of each of several parts, spread evenly."""
    if len(parts) == 1:
        return candidates(parts[0], wanted)[:wanted]
    leads = list(dict.fromkeys(candidates(part, 1)[0] for part in parts if part))
    return [leads[i * len(leads) // wanted] for i in range(wanted)] if len(leads) > wanted else leads


def key_phrases(text: str, wanted: int) -> list[str]:
    """Return the key phrases of one or two words by YAKE, best first; repeated ones before single ones."""
    try:
        from yake import KeywordExtractor
    except ImportError as exc:
        raise _missing(exc) from exc
    scored = KeywordExtractor(lan="en", n=2, top=wanted * 4).extract_keywords(text)
    folded = " ".join(text.lower().split())
    # What occurs once is a phrase by chance; YAKE alone ranks some of those first.
    ordered = sorted((folded.count(p.lower()) < 2, round(float(score), 9), p.lower()) for p, score in scored)
    chosen: list[str] = []
    for _, _, phrase in ordered:
        if not any(f" {phrase} " in f" {longer} " for longer in chosen):
            chosen.append(phrase)
    return chosen[:wanted]


def frequent_words(text: str, wanted: int) -> list[str]:
    """Return the most frequent words that are not stop words; ties go to the earlier word."""
    stops = _stop_words()
    counted = Counter(w for word in words(text) if len(w := word.lower()) > 2 and w not in stops)
    return [word for word, _ in counted.most_common(wanted)]


def _textrank(found: Sequence[str]) -> list[str]:
    try:
        from sumy.summarizers.text_rank import TextRankSummarizer
    except ImportError as exc:
        raise _missing(exc) from exc
    summarizer = TextRankSummarizer(_stemmer())
    summarizer.stop_words = _stop_words()
    document = _document(found)
    ranks = summarizer.rate_sentences(document) if found else {}
    return _best_first(found, [round(float(ranks[sentence]), 9) for sentence in document.sentences])


def _best_first(found: Sequence[str], ranks: Sequence[float]) -> list[str]:
    order = sorted(range(len(found)), key=lambda i: (-ranks[i], i))
    return [found[i] for i in order]


class _Words:
    """sumy's tokenizer, without the nltk data that its own would download."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(words(sentence))


def _document(found: Sequence[str]) -> "ObjectDocumentModel":
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence

    tokenizer = _Words()
    return ObjectDocumentModel([Paragraph([Sentence(text, tokenizer) for text in found])])


@cache
def _stemmer() -> "Stemmer":
    from sumy.nlp.stemmers import Stemmer

    return Stemmer("english")


@cache
def _stop_words() -> frozenset[str]:
    try:
        from sumy.utils import get_stop_words
    except ImportError as exc:
        raise _missing(exc) from exc
    return frozenset(get_stop_words("english"))


def _missing(exc: ImportError) -> StepError:
    return StepError(
        "provider_rejected",
        f"the local model needs the package {exc.name!r}; install what it works with "
        "(pip install -r requirements-local.lock), or choose another provider",
    )
