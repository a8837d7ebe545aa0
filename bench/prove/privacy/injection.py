"""Lines of injections: by language on tables, on clean e-mails, and through encoders and disguises."""

from collections.abc import Sequence

from bench.lines import Line, NotThere
from bench.privacy import bipia
from bench.privacy.injection import table
from bench.prove.area import Aim, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from services.privacy.detect.engine import Detectors
from services.privacy.detect.injection.lexicon import LANGUAGES
from services.privacy.detect.injection.score import FLAGGED, injection_score
from services.privacy.detect.standard import standard_detectors

AIMS = (
    *(aim for aim in ISSUE["secrets"] if aim.name.startswith("injection_")),
    Aim("injection_emails_flagged", "%"),
    Aim("injection_recall_at_1_percent_own", "%"),
    *(Aim(f"injection_{language}_recall", "%") for language in LANGUAGES),
)
#: Share of clean e-mails that may be flagged where recall is read.
_FALSE = 0.01


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Score the held-out texts of each language, and e-mails with and without an attack."""
    progress("privacy: injections in eleven languages and in e-mails")
    detectors = standard_detectors()
    lines = _languages(detectors)
    try:
        return [*lines, *_emails(detectors, quick)]
    except NotThere as exc:
        progress(f"NOT MEASURED: {exc}")
        return lines


def _languages(detectors: Detectors) -> list[Line]:
    held_out = table("held_out")
    recalls = {language: _share(detectors, held_out[language].attacks) for language in LANGUAGES}
    false = {language: _share(detectors, held_out[language].look_alikes) for language in LANGUAGES}
    worst, falsest = min(recalls, key=lambda one: recalls[one]), max(false, key=lambda one: false[one])
    each = "20 held-out texts each, of the author of the rules"
    return [
        line_of(AIMS, "injection_languages_recall", recalls[worst], f"lowest of {len(LANGUAGES)}: {worst}; {each}"),
        line_of(AIMS, "injection_languages_false", false[falsest], f"highest of {len(LANGUAGES)}; look-alikes, {each}"),
        *(line_of(AIMS, f"injection_{language}_recall", recall, each) for language, recall in recalls.items()),
    ]


def _emails(detectors: Detectors, quick: bool) -> list[Line]:
    """Return recall where at most one clean e-mail in a hundred is flagged: attacks of others, and own ones."""
    clean = bipia.clean_emails()
    scores = sorted((_score(detectors, text) for text in clean), reverse=True)
    limit = scores[int(_FALSE * len(scores))] + 1e-9
    families = bipia.attacks()
    others = [text for texts in families.values() for text in (texts[:2] if quick else texts)]
    own = [text for texts in table("held_out").values() for text in texts.attacks]
    note = f"score >= {limit:.2f}; each in a clean e-mail, {len(clean)} of them"
    return [
        line_of(AIMS, "injection_emails_flagged", 100 * sum(score >= limit for score in scores) / len(scores)),
        line_of(
            AIMS,
            "injection_recall_at_1_percent",
            _planted(detectors, clean, others, limit),
            f"{len(others)} attacks of BIPIA's train half; shapes-answer was written after reading them; {note}",
        ),
        line_of(
            AIMS,
            "injection_recall_at_1_percent_own",
            _planted(detectors, clean, own[:: 4 if quick else 1], limit),
            f"own held-out attacks; {note}",
        ),
    ]


def _planted(detectors: Detectors, clean: Sequence[str], attacks: Sequence[str], limit: float) -> float:
    """Return the share of attacks that are found in an e-mail, between its lines."""
    found = 0
    for number, attack in enumerate(attacks):
        lines = clean[number % len(clean)].split("\n")
        middle = len(lines) // 2
        found += _score(detectors, "\n".join((*lines[:middle], attack, *lines[middle:]))) >= limit
    return 100 * found / len(attacks)


def _share(detectors: Detectors, texts: Sequence[str]) -> float:
    return 100 * sum(_score(detectors, text) >= FLAGGED for text in texts) / len(texts)


def _score(detectors: Detectors, text: str) -> float:
    return injection_score(detectors.find(text))
