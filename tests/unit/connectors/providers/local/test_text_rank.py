"""TextRank ranks as sumy does, whose implementation needs an array library."""

from pathlib import Path

import pytest
from sumy.summarizers.text_rank import TextRankSummarizer

from connectors.providers.local import extract
from connectors.providers.local.text_rank import ranks

DOCUMENTS = Path(__file__).parents[5] / "examples" / "documents"


def found(name: str, most: int = 60) -> list[str]:
    return extract.sentences((DOCUMENTS / name).read_text(encoding="utf-8").split("\n\n"))[:most]


@pytest.mark.parametrize("name", ["gettysburg.txt", "opticks.txt"])
def test_ranks_are_those_of_sumy(name: str) -> None:
    summarizer = TextRankSummarizer(extract._stemmer())
    summarizer.stop_words = extract._stop_words()
    document = extract._document(found(name))
    theirs = summarizer.rate_sentences(document)
    words = [summarizer._to_words_set(sentence) for sentence in document.sentences]
    assert ranks(words) == pytest.approx([float(theirs[sentence]) for sentence in document.sentences], abs=1e-9)


def test_sentence_that_shares_most_is_first() -> None:
    ordered = ranks([["light", "ray"], ["light", "prism"], ["light", "ray", "prism"], ["cat", "dog"]])
    assert max(range(4), key=ordered.__getitem__) == 2
    assert sum(ordered) == pytest.approx(1.0, abs=1e-3)


def test_nothing_has_no_ranks_and_sentences_of_one_word_are_equal() -> None:
    assert ranks([]) == []
    assert ranks([["a"], ["a"]]) == pytest.approx([0.5, 0.5])
    assert ranks([[], ["a"]])[0] < ranks([[], ["a"]])[1]
