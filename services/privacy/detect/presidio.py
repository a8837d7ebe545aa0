"""Presidio as an engine beside the rules: names and places by a language model of spaCy, which patterns cannot find.

An extra: ``pip install presidio-analyzer`` and a model of spaCy, such as ``en_core_web_lg``. Its patterns alone take
some 20 ms/KB, its model more, so it is off unless a policy names it. Nothing is downloaded: a model that is not
installed is an error, whereas Presidio itself would fetch it.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol

from schemas.privacy.findings import Finding, apart
from schemas.privacy.kinds import data_class_of
from services.privacy.detect.errors import DetectorFailed

PACKAGES: Final = ("presidio_analyzer", "spacy")
#: Models of spaCy by language, as Presidio names them by default.
MODELS: Final[Mapping[str, str]] = {"en": "en_core_web_lg"}
#: Presidio's own patterns without a word near score from 0.01 on.
LEAST_SCORE: Final = 0.4

#: Our kinds by the entities of Presidio. Dates, nationalities and organisations are no kinds.
KINDS_OF_ENTITIES: Final[Mapping[str, str]] = {
    "PERSON": "name",
    "LOCATION": "address",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_BANK_NUMBER": "bank_account",
    "US_SSN": "ssn",
    "US_ITIN": "national_id",
    "US_PASSPORT": "passport",
    "US_DRIVER_LICENSE": "driver_license",
    "UK_NHS": "national_id",
    "UK_NINO": "national_id",
    "ES_NIF": "national_id",
    "ES_NIE": "national_id",
    "IT_FISCAL_CODE": "national_id",
    "IT_PASSPORT": "passport",
    "IT_DRIVER_LICENSE": "driver_license",
    "PL_PESEL": "national_id",
    "FI_PERSONAL_IDENTITY_CODE": "national_id",
    "IN_AADHAAR": "national_id",
    "IN_PAN": "national_id",
    "AU_TFN": "national_id",
    "SG_NRIC_FIN": "national_id",
    "KR_RRN": "national_id",
    "IP_ADDRESS": "ip",
    "MAC_ADDRESS": "mac",
    "URL": "url",
}


class _Result(Protocol):
    entity_type: str
    start: int
    end: int
    score: float


class Analyzer(Protocol):
    """What is used of ``presidio_analyzer.AnalyzerEngine``."""

    def analyze(self, text: str, language: str, score_threshold: float) -> Sequence[_Result]:
        """Return what is in a text."""
        ...


class Presidio:
    """Presidio behind the port of engines. ``languages`` are asked in turn, and what any of them finds counts."""

    def __init__(self, analyzer: Analyzer, languages: Sequence[str] = ("en",)) -> None:
        self._analyzer = analyzer
        self._languages = tuple(languages)

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Return what Presidio finds, none of it overlapping."""
        try:
            results = [
                one
                for language in self._languages
                for one in self._analyzer.analyze(text=text, language=language, score_threshold=LEAST_SCORE)
            ]
            return apart([found for one in results if (found := _finding(one)) is not None])
        except Exception as exc:  # noqa: BLE001 - every failure is a refusal, and its text may have a part of the value
            raise DetectorFailed("failed", f"presidio failed ({type(exc).__name__}): nothing was let pass") from None


def load_presidio(models: Mapping[str, str] = MODELS) -> Presidio:
    """Return the engine with a model of spaCy for each language. Raises ``DetectorFailed`` where one is missing."""
    missing = [name for name in (*PACKAGES, *models.values()) if find_spec(name) is None]
    if missing:
        message = f"presidio needs {', '.join(missing)}: install them, or do not name `presidio`"
        raise DetectorFailed("not_installed", message)
    package, nlp = import_module("presidio_analyzer"), import_module("presidio_analyzer.nlp_engine")
    names = [{"lang_code": language, "model_name": model} for language, model in models.items()]
    provider = nlp.NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": names})
    analyzer: Analyzer = package.AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=list(models))
    return Presidio(analyzer, tuple(models))


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
