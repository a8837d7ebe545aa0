"""Lines of the small classifier beside the rules, where its model is installed: held-out texts, and e-mails."""

from collections.abc import Sequence

from bench.lines import Line, NotThere
from bench.privacy import bipia
from bench.privacy.injection import table
from bench.prove.area import Aim, line_of
from connectors.embeddings.minilm import missing_for_minilm
from deploy.local.engines.progress import Progress
from services.privacy.detect.injection.classified import Classified
from services.privacy.detect.injection.small import load_classifier

AIMS = (
    Aim("classifier_english_recall", "%"),
    Aim("classifier_english_look_alikes", "%"),
    Aim("classifier_languages_recall", "%"),
    Aim("classifier_emails_flagged", "%"),
    Aim("classifier_strangers_recall", "%"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Score the held-out texts, clean e-mails and the attacks of others. Raises ``NotThere`` without the model."""
    if missing := missing_for_minilm():
        raise NotThere(f"the classifier needs {', '.join(missing)}: requirements-classifier.lock")
    progress("privacy: the small classifier on held-out texts and on e-mails")
    classifier, held_out = load_classifier(), table("held_out")
    languages = ("en", "de") if quick else tuple(held_out)
    recalls = {language: _share(classifier, held_out[language].attacks) for language in languages}
    english = "20 held-out texts of the author of the table it was trained on"
    lines = [
        line_of(AIMS, "classifier_english_recall", recalls["en"], english),
        line_of(AIMS, "classifier_english_look_alikes", _share(classifier, held_out["en"].look_alikes), english),
        line_of(AIMS, "classifier_languages_recall", sum(recalls.values()) / len(recalls), f"mean of {len(recalls)}"),
    ]
    try:
        return [*lines, *_emails(classifier, quick)]
    except NotThere as exc:
        progress(f"NOT MEASURED: {exc}")
        return lines


def _emails(classifier: Classified, quick: bool) -> list[Line]:
    clean = bipia.clean_emails()[: 10 if quick else None]
    others = [text for texts in bipia.attacks().values() for text in (texts[:1] if quick else texts)]
    return [
        line_of(AIMS, "classifier_emails_flagged", _share(classifier, clean), f"{len(clean)} clean e-mails"),
        line_of(
            AIMS, "classifier_strangers_recall", _share(classifier, others), f"{len(others)} of BIPIA's train half"
        ),
    ]


def _share(classifier: Classified, texts: Sequence[str]) -> float:
    return 100 * sum(bool(classifier.find(text)) for text in texts) / len(texts)
