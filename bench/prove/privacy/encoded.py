"""Lines of attacks that are encoded or disguised: the verdict is that of the plain text."""

from collections import Counter
from collections.abc import Callable, Sequence

from bench.lines import Line
from bench.privacy.encoders import ENCODERS
from bench.privacy.evasions import EVASIONS
from bench.privacy.injection import table
from bench.privacy.payloads import payloads
from bench.prove.area import Aim, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from services.privacy.detect.engine import Detectors
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.injection.score import FLAGGED, injection_score
from services.privacy.detect.standard import standard_detectors

_NAMES = ("encoders_same_verdict", "evasions_found")
AIMS: tuple[Aim, ...] = tuple(aim for aims in ISSUE.values() for aim in aims if aim.name in _NAMES)

Write = Callable[[str], str]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Write a hundred English attacks in each encoding and disguise, inside of a message, and search them."""
    progress("privacy: attacks that are encoded or disguised")
    detectors = standard_detectors()
    attacks = _attacks()
    encoders = dict(ENCODERS)
    evasions: dict[str, Write] = {one.name: one.write for one in EVASIONS}
    return [
        _line("encoders_same_verdict", detectors, encoders, attacks[:: 10 if quick else 1]),
        _line("evasions_found", detectors, evasions, attacks[:: 20 if quick else 4]),
    ]


def _attacks() -> list[str]:
    english = [text for name in ("known", "held_out") for text in table(name)["en"].attacks]
    orders = [text for text in payloads() if " and " in text]
    return [*english, *orders][:100]


def _line(name: str, detectors: Detectors, ways: dict[str, Write], attacks: Sequence[str]) -> Line:
    plain = [_flagged(detectors, _message(text)) for text in attacks]
    missed: Counter[str] = Counter()
    for way, write in ways.items():
        for text, verdict in zip(attacks, plain, strict=True):
            missed[way] += _flagged(detectors, _message(write(text))) != verdict
    total = len(ways) * len(attacks)
    worst = ", ".join(f"{way} {count}" for way, count in missed.most_common(8) if count)
    note = (
        f"{len(ways)} ways, {len(attacks)} attacks of which {sum(plain)} are found in plain; missed: {worst or 'none'}"
    )
    return line_of(AIMS, name, 100 * (total - missed.total()) / total, note)


def _message(text: str) -> str:
    return f"Hello,\n\nhere are the notes of Monday.\n\n{text}\n\nBest regards\n"


def _flagged(detectors: Detectors, text: str) -> bool:
    """Return whether a text has an injection; one that the detectors refuse does not pass either."""
    try:
        return injection_score(detectors.find(text)) >= FLAGGED
    except DetectorFailed:
        return True
