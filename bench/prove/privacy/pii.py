"""Lines of personal data: found with its exact place, and not found where none is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bench.lines import Line, NotThere
from bench.privacy.clean_documents import clean_documents
from bench.privacy.clean_texts import KINDS, clean_text
from bench.privacy.labelled import GATED, SHOWN, Score, presidio_research, scored, together
from bench.prove.area import Aim, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from schemas.privacy.findings import Finding
from services.privacy.detect.standard import standard_detectors

DOCUMENTS, QUICK_DOCUMENTS = 500, 100
#: What policies take as a finding unless they say otherwise (``schemas.privacy.document``).
LEAST_CONFIDENCE = 0.5
#: What the honest documents really have: links, addresses of machines and of mail, telephone numbers.
_REAL = frozenset(("url", "ip", "email", "phone"))
_SIZE = 4_000

_ACCURACY = tuple(aim for aim in ISSUE["pii"] if aim.name.startswith(("pii_", "clean_")))
AIMS = (
    *_ACCURACY,
    *(Aim(f"pii_recall_{kind}", "%") for kind in (*GATED, *SHOWN[:1])),
    *(Aim(f"pii_precision_{kind}", "%") for kind in (*GATED, *SHOWN)),
    Aim("pii_overlapping_names", "%"),
    Aim("pii_overlapping_addresses", "%"),
    *(Aim(f"false_per_kb_{kind}", "findings") for kind in KINDS),
)
#: Kinds whose line has another name in the issue.
_PLURAL = {"name": "names", "address": "addresses"}

Find = Callable[[str], list[Finding]]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Search labelled and clean texts with the standard rules. Without the corpus the lines of it are left out."""
    progress("privacy: personal data in labelled and in clean texts")
    find = standard_detectors().find
    clean = _clean(QUICK_DOCUMENTS if quick else DOCUMENTS, find)
    try:
        texts = presidio_research()
    except NotThere as exc:
        progress(f"NOT MEASURED: {exc}")
        return clean
    return [*_labelled(scored(texts, find), len(texts)), *clean]


def _labelled(scores: Mapping[str, Score], texts: int) -> list[Line]:
    gated = together(scores[kind] for kind in GATED)
    lines = [
        line_of(AIMS, "pii_recall", gated.recall, f"{gated}, in {texts} texts; kinds {', '.join(GATED)}"),
        line_of(AIMS, "pii_precision", gated.precision, str(gated)),
    ]
    for kind in (*GATED, *SHOWN):
        name = _PLURAL.get(kind, kind)
        lines.append(line_of(AIMS, f"pii_recall_{name}", scores[kind].recall, str(scores[kind])))
        lines.append(line_of(AIMS, f"pii_precision_{kind}", scores[kind].precision, "exact places"))
    for kind, name in _PLURAL.items():
        note = "found at least in part; hints, without a gate"
        lines.append(line_of(AIMS, f"pii_overlapping_{name}", scores[kind].overlapping_recall, note))
    return lines


def _clean(documents: int, find: Find) -> list[Line]:
    """Return how many clean documents are flagged, and how often each kind of clean text is."""
    made = [(clean_text(kind, _SIZE // 4, seed), frozenset[str]()) for seed in range(documents // 8) for kind in KINDS]
    honest = [(text, _REAL) for text in clean_documents(documents - len(made))]
    false = [_false(text, real, find) for text, real in (*made, *honest)]
    flagged = [100 * bool(one) for one in false]
    kinds = Counter(kind for one in false for kind in one)
    note = (
        f"of {len(false)}: {len(made)} with nothing in them, {len(honest)} honest ones; false: {dict(kinds) or 'none'}"
    )
    lines = [line_of(AIMS, "clean_documents_flagged", sum(flagged) / len(flagged), note)]
    for kind in KINDS:
        texts = [clean_text(kind, _SIZE, 10_000 + seed) for seed in range(documents // 10)]
        kinds = Counter(found for text in texts for found in _false(text, frozenset(), find))
        size = sum(map(len, texts)) / 1024
        lines.append(
            line_of(AIMS, f"false_per_kb_{kind}", kinds.total() / size, f"{size:.0f} KB: {dict(kinds) or 'none'}")
        )
    return lines


def _false(text: str, real: frozenset[str], find: Find) -> list[str]:
    """Return the kinds that a clean text seems to have."""
    return [one.kind for one in find(text) if one.confidence >= LEAST_CONFIDENCE and one.kind not in real]
