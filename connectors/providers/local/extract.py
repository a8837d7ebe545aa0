"""The extractive work behind the ``local`` models: sentences, their ranking, and key terms.

The libraries (``segtok``, ``sumy``) come with ``requirements-local.lock`` and take about a second
to import, so they are imported on first use. They know English stop words; other languages work with less
grace. All results depend on the text alone: ranks are rounded and ties go to the earlier sentence.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from connectors.providers.local import text_rank
from schemas.errors import StepError

if TYPE_CHECKING:
    from sumy.models.dom import ObjectDocumentModel
    from sumy.nlp.stemmers import Stemmer

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
#: Ends a phrase: every sign but those inside of words.
_SIGNS = re.compile(r"[^\w\s'’-]+|\n\s*\n|\d+")
_SHORT = 2
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
    """Return the key phrases of one or two words, best first: repeated ones before single ones, long ones before short.

    A phrase has no stop word in it and no sign between its words. Ties go to the earlier phrase.
    """
    counted: Counter[str] = Counter()
    for run in _runs(text):
        counted.update(run)
        counted.update(f"{first} {second}" for first, second in pairwise(run))
    order = {phrase: at for at, phrase in enumerate(counted)}
    # What occurs once is a phrase by chance.
    best = sorted(
        counted, key=lambda phrase: (counted[phrase] < 2, -counted[phrase] * _size(phrase) ** 2, order[phrase])
    )
    chosen: list[str] = []
    for phrase in best:
        if len(chosen) == wanted:
            break
        if not any(f" {phrase} " in f" {longer} " for longer in chosen):
            chosen.append(phrase)
    return chosen


def _runs(text: str) -> Iterator[list[str]]:
    """Yield words that follow each other without a stop word, a short word or a sign between them."""
    stops = _stop_words()
    for fragment in _SIGNS.split(text.lower()):
        run: list[str] = []
        for word in words(fragment):
            if len(word) > _SHORT and word not in stops:
                run.append(word)
            else:
                yield run
                run = []
        yield run


def _size(phrase: str) -> int:
    return 1 + phrase.count(" ")


def frequent_words(text: str, wanted: int) -> list[str]:
    """Return the most frequent words that are not stop words; ties go to the earlier word."""
    stops = _stop_words()
    counted = Counter(w for word in words(text) if len(w := word.lower()) > _SHORT and w not in stops)
    return [word for word, _ in counted.most_common(wanted)]


def _textrank(found: Sequence[str]) -> list[str]:
    stemmer, stops = _stemmer(), _stop_words()
    stemmed = [[stemmer(low) for word in words(text) if (low := word.lower()) not in stops] for text in found]
    return _best_first(found, [round(rank, 9) for rank in text_rank.ranks(stemmed)])


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
    try:
        from sumy.nlp.stemmers import Stemmer
    except ImportError as exc:
        raise _missing(exc) from exc
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
