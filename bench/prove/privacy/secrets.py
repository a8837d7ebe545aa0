"""Lines of secrets: found by shape and by name, look-alikes left alone, held back in streams."""

from collections import Counter
from collections.abc import Sequence

from bench.lines import Line
from bench.privacy.clean_documents import clean_documents
from bench.privacy.secret_texts import look_alikes, secrets
from bench.privacy.splits import in_pieces, leaks, longest_delay, split_everywhere
from bench.prove.area import Aim, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from services.privacy.detect.engine import Detectors
from services.privacy.detect.secrets.rules import SECRET_RULES
from services.privacy.detect.standard import standard_detectors

AIMS = (
    *(aim for aim in ISSUE["secrets"] if aim.name.startswith(("secret", "split_"))),
    Aim("secret_shapes", "shapes"),
    Aim("secret_clean_documents_flagged", "%"),
)
#: What policies take as a finding unless they say otherwise.
_LEAST = 0.5
_SEED = 2026
_LONG = 400


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Search made secrets, their look-alikes and clean documents with all standard rules, and split secrets."""
    progress("privacy: secrets and what looks like one")
    detectors = standard_detectors()
    return [*_found(detectors, 2 if quick else 10), *_clean(detectors, 100 if quick else 500), *_split(quick, progress)]


def _found(detectors: Detectors, each: int) -> list[Line]:
    made = list(secrets(_SEED, each))
    missed: Counter[str] = Counter()
    for one in made:
        at = one.text.index(one.value)
        found = detectors.find(one.text)
        if not any(it.start <= at and at + len(one.value) <= it.end and it.data_class == "secret" for it in found):
            missed[one.shape] += 1
    texts = list(look_alikes(_SEED, each))
    flagged = Counter(name for name, text in texts if _has_secret(detectors, text))
    shapes = len({one.shape for one in made})
    return [
        line_of(AIMS, "secret_shapes", shapes, "with templates written apart from the rules"),
        line_of(AIMS, "secrets_recall", _percent(len(made) - missed.total(), len(made)), _note(len(made), missed)),
        line_of(AIMS, "secret_lookalikes_flagged", _percent(flagged.total(), len(texts)), _note(len(texts), flagged)),
    ]


def _clean(detectors: Detectors, count: int) -> list[Line]:
    texts = clean_documents(count)
    flagged = sum(_has_secret(detectors, text) for text in texts)
    return [line_of(AIMS, "secret_clean_documents_flagged", _percent(flagged, len(texts)), f"{len(texts)} documents")]


def _split(quick: bool, progress: Progress) -> list[Line]:
    progress("privacy: secrets split over the pieces of a stream")
    detectors = Detectors(SECRET_RULES)
    splits = missed = 0
    for one in secrets(_SEED + 1):
        step = 1 if len(one.text) < _LONG else 7
        for pieces in split_everywhere(one.text, step * 9 if quick else step):
            splits += 1
            missed += leaks(detectors, one, pieces)
        splits += 1
        missed += leaks(detectors, one, in_pieces(one.text, splits))
    texts = clean_documents(20 if quick else 100)
    late = [longest_delay(detectors, in_pieces(text[:3_000], seed)) for seed, text in enumerate(texts)]
    note = f"of {splits} splits; texts of {_LONG} characters and more at every seventh"
    return [
        line_of(AIMS, "split_secrets_missed", missed, note),
        line_of(
            AIMS, "split_secrets_delay_chars", max(late), f"most of {len(texts)} clean documents, beyond one piece"
        ),
    ]


def _has_secret(detectors: Detectors, text: str) -> bool:
    return any(one.data_class == "secret" and one.confidence >= _LEAST for one in detectors.find(text))


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole


def _note(count: int, misses: Counter[str]) -> str:
    named = ", ".join(f"{name} {times}" for name, times in misses.most_common(5))
    return f"{count} texts; {'wrong: ' + named if named else 'none wrong'}"
