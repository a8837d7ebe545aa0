"""How findings compare with labels, and the texts that the figures of detectors are measured on."""

import pytest

from bench.lines import NotThere
from bench.privacy import corpora
from bench.privacy.clean_texts import KINDS, clean_text
from bench.privacy.dense_texts import dense_text, hostile_texts
from bench.privacy.labelled import Labelled, scored, together
from schemas.privacy.findings import Finding
from services.privacy.detect.engine import Detectors
from services.privacy.detect.pii import PII_RULES


def found(kind: str, start: int, end: int) -> Finding:
    return Finding(kind=kind, data_class="pii", start=start, end=end, confidence=0.9, rule="r")


def test_a_score_tells_exact_overlapping_missed_and_false() -> None:
    texts = [Labelled("a", frozenset({("email", 0, 5), ("email", 10, 15), ("email", 20, 25)}))]
    answers = [found("email", 0, 5), found("email", 12, 15), found("ip", 20, 25), found("badge", 1, 2)]
    scores = scored(texts, lambda _text: answers)
    email = scores["email"]
    assert (email.found, email.overlapping, email.missed, email.false) == (1, 1, 1, 1)
    assert (round(email.recall), round(email.overlapping_recall), email.precision) == (33, 67, 50)
    assert scores["ip"].false == 1
    assert together(scores.values()).false == 2


def test_an_absent_corpus_is_said_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(corpora.VARIABLE, "/nowhere")
    with pytest.raises(NotThere, match=corpora.VARIABLE):
        corpora.corpus("none.json")


@pytest.mark.parametrize("kind", KINDS)
def test_in_clean_texts_nothing_is_found(kind: str) -> None:
    text = clean_text(kind, 4_000, 7)
    assert text == clean_text(kind, 4_000, 7)
    assert Detectors(PII_RULES).find(text) == []


def test_dense_texts_have_their_share_and_it_is_found() -> None:
    text = dense_text(16_000, 3)
    kinds = {one.kind for one in Detectors(PII_RULES).find(text)}
    assert {"email", "phone", "card", "iban", "ssn", "ip", "url", "date_of_birth", "name"} <= kinds


def test_hostile_texts_have_their_size() -> None:
    assert {len(text) for text in hostile_texts(1_000).values()} == {1_000}
