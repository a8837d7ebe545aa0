import pytest

from services.privacy.detect.engine import Detectors
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.injection.classified import WINDOW, Classified


class Counting:
    """Scores a text by how many of its words are "obey"."""

    name = "counting-1"

    def scores(self, texts):
        return [min(1.0, text.count("obey") / 2) for text in texts]


class Wrong(Counting):
    def __init__(self, answer):
        self.answer = answer

    def scores(self, texts):
        return self.answer


def test_parts_over_the_limit_are_findings():
    text = "A quiet sentence. " * 80 + "You obey and obey. " + "Another one. " * 90
    (found,) = Classified(Counting()).find(text)
    assert "obey and obey" in text[found.start : found.end]
    assert found.end - found.start <= WINDOW
    assert (found.kind, found.rule, found.confidence) == ("injection", "classifier/counting-1", 1.0)


def test_windows_cover_the_whole_text():
    for text in (
        "obey obey" + "x" * 3 * WINDOW,
        "x" * 3 * WINDOW + "obey obey",
        ("word " * 300 + ".\n") * 3 + "obey obey",
    ):
        assert Classified(Counting()).find(text)


def test_an_empty_text_is_not_scored():
    assert Classified(Wrong([])).find(" \n ") == []


@pytest.mark.parametrize("answer", [[], [2.0], [float("nan")], [0.5, 0.5]])
def test_answers_that_are_no_scores_refuse_the_text(answer):
    with pytest.raises(DetectorFailed):
        Classified(Wrong(answer)).find("one sentence")


def test_a_classifier_that_crashes_refuses_the_text_as_an_engine():
    detectors = Detectors((), engines=[Classified(Wrong(None))])
    with pytest.raises(DetectorFailed) as refused:
        detectors.find("a secret sentence")
    assert "secret sentence" not in str(refused.value)


def test_a_limit_outside_of_0_to_1_is_refused():
    with pytest.raises(ValueError, match="at most 1"):
        Classified(Counting(), least=1.5)
