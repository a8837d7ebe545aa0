"""Presidio behind the port: a small analyzer in its place, and the real one where it is installed."""

import sys
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from services.privacy.detect import presidio
from services.privacy.detect.engine import Detectors
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.pii import PII_RULES
from services.privacy.detect.presidio import Presidio, load_presidio, missing_for_presidio

TEXT = "Yesterday Ann Lee moved from Riga; ask ann@lee.example."
MISSING = missing_for_presidio()


def result(entity: str, part: str, score: float = 0.85) -> Any:
    start = TEXT.index(part)
    return SimpleNamespace(entity_type=entity, start=start, end=start + len(part), score=score)


class Analyzer:
    """Answers what it was given; remembers what it was asked."""

    def __init__(self, *results: Any) -> None:
        self._results = results
        self.asked: list[str] = []

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Any]:
        self.asked.append(language)
        return [one for one in self._results if one.score >= score_threshold and one.entity_type in entities]


def test_entities_become_kinds_and_what_is_none_of_ours_is_left_out() -> None:
    analyzer = Analyzer(result("PERSON", "Ann Lee"), result("DATE_TIME", "Yesterday"), result("LOCATION", "Riga", 0.3))
    (found,) = Presidio(analyzer).find(TEXT)
    assert (found.kind, found.data_class, found.rule) == ("name", "pii", "presidio/PERSON")
    assert TEXT[found.start : found.end] == "Ann Lee"


def test_every_language_is_asked_and_findings_do_not_overlap() -> None:
    analyzer = Analyzer(result("PERSON", "Ann Lee"), result("PERSON", "Ann", 0.6))
    assert len(Presidio(analyzer, ("en", "de")).find(TEXT)) == 1
    assert analyzer.asked == ["en", "de"]


def test_it_finds_beside_the_rules() -> None:
    detectors = Detectors(PII_RULES, engines=[Presidio(Analyzer(result("PERSON", "Ann Lee")))])
    assert [one.rule for one in detectors.find(TEXT)] == ["presidio/PERSON", "pii.email"]


def test_its_failure_refuses_the_text_and_says_nothing_of_it() -> None:
    class Broken:
        def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[Any]:
            raise RuntimeError(text)

    with pytest.raises(DetectorFailed) as caught:
        Presidio(Broken()).find(TEXT)
    assert "Ann" not in str(caught.value)


def test_without_its_packages_it_is_an_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presidio, "find_spec", lambda _name: None)
    with pytest.raises(DetectorFailed, match="presidio_analyzer, spacy, en_core_web_lg") as caught:
        load_presidio()
    assert caught.value.reason == "not_installed"


def test_it_is_made_with_installed_models_only(monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[Any] = []

    class Provider:
        def __init__(self, nlp_configuration: Any) -> None:
            configured.append(nlp_configuration)

        def create_engine(self) -> str:
            return "nlp"

    def engine(nlp_engine: str, supported_languages: list[str]) -> Analyzer:
        configured.append((nlp_engine, supported_languages))
        return Analyzer(result("PERSON", "Ann Lee"))

    package, nlp = ModuleType("presidio_analyzer"), ModuleType("presidio_analyzer.nlp_engine")
    package.AnalyzerEngine, nlp.NlpEngineProvider = engine, Provider  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", nlp)
    monkeypatch.setattr(presidio, "find_spec", lambda _name: object())
    assert [one.kind for one in load_presidio().find(TEXT)] == ["name"]
    assert configured == [
        {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_lg"}]},
        ("nlp", ["en"]),
    ]


@pytest.mark.skipif(bool(MISSING), reason=f"PRESIDIO IS NOT TESTED HERE: {', '.join(MISSING)} not installed")
def test_the_real_presidio_finds_a_name() -> None:
    assert "name" in {one.kind for one in load_presidio().find(TEXT)}
