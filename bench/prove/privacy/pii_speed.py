"""Lines of how long the standard detectors take: all rules, layers and links, on one core, CPU time."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from bench.lines import Line
from bench.privacy.clean_texts import KINDS, clean_text
from bench.privacy.dense_texts import dense_text, hostile_texts
from bench.prove.area import Aim, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from services.privacy.detect.errors import DetectorFailed
from services.privacy.detect.standard import standard_detectors

AIMS = (
    *(aim for aim in ISSUE["pii"] if aim.name.startswith("detect_")),
    Aim("detect_first_text_ms", "ms"),
    *(Aim(f"detect_clean_{kind}_us_per_kb", "us") for kind in KINDS if kind != "prose"),
)
_KB = 1024
_DOCUMENT = 8 * _KB
_STEP_INPUT = 2 * _KB
_HOSTILE = 1 << 20
_ROUNDS, _QUICK_ROUNDS = 5, 2

Find = Callable[[str], object]


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Time texts that were not seen before, after others of their sort: a role has read many by then."""
    progress("privacy: how long the detectors take")
    detectors = standard_detectors()
    began = time.process_time()
    detectors.find(clean_text("prose", _STEP_INPUT, 1))
    first = time.process_time() - began
    documents = 20 if quick else 60
    for seed in range(documents):
        for kind in KINDS:
            detectors.find(clean_text(kind, _DOCUMENT, seed))
        detectors.find(dense_text(_DOCUMENT, seed))
    return [
        line_of(AIMS, "detect_first_text_ms", 1_000 * first, f"2 KB; {len(detectors.rules)} rules, compiled before"),
        *_documents(documents, detectors.find),
        *_step_input(200 if quick else 1_000, detectors.find),
        *_hostile(_QUICK_ROUNDS if quick else _ROUNDS, quick, detectors.find),
    ]


def _documents(count: int, find: Find) -> list[Line]:
    by_kind = {
        kind: _per_kb([clean_text(kind, _DOCUMENT, 1_000 + seed) for seed in range(count)], find) for kind in KINDS
    }
    dense = _per_kb([dense_text(_DOCUMENT, 1_000 + seed) for seed in range(count)], find)
    note = f"{count} texts of 8 KB of prose: nothing to decode, to search for or to check"
    others = [kind for kind in KINDS if kind != "prose"]
    return [
        line_of(AIMS, "detect_clean_us_per_kb", by_kind["prose"], note),
        *(line_of(AIMS, f"detect_clean_{kind}_us_per_kb", by_kind[kind], "looks like much") for kind in others),
        line_of(AIMS, "detect_dense_us_per_kb", dense, f"{count} of prose with 5% values of eleven kinds, all checked"),
    ]


def _step_input(count: int, find: Find) -> list[Line]:
    texts = [clean_text("prose", _STEP_INPUT, 20_000 + seed)[:_STEP_INPUT] for seed in range(count)]
    return [line_of(AIMS, "detect_step_input_p50_us", [1e6 * _spent(text, find) for text in texts], "2 KB of prose")]


def _hostile(rounds: int, quick: bool, find: Find) -> list[Line]:
    """Return the slowest of the hostile texts, and how much longer twice its size takes."""
    size = _HOSTILE // (8 if quick else 1)
    spent = {name: _spent(text, find) for name, text in hostile_texts(size).items()}
    slowest = max(spent, key=lambda name: spent[name])
    refused = sum(_refuses(text, find) for text in hostile_texts(size // 8).values())
    text, half = hostile_texts(size)[slowest], hostile_texts(size // 2)[slowest]
    whole = [_spent(text, find) for _ in range(rounds)]
    halves = [_spent(half, find) for _ in range(rounds)]
    # The least of each: a pause of the machine, or of the collector, in one of them is no growth.
    growth = min(whole) / min(halves)
    seconds = [one * _HOSTILE / size for one in whole]
    note = f"slowest of {len(spent)}: {slowest}; {refused} of them are refused"
    note += f"; {size} characters extrapolated" if quick else ""
    return [
        line_of(AIMS, "detect_hostile_mb_s", seconds, note),
        line_of(AIMS, "detect_hostile_growth", growth, f"{slowest}: time of the whole by that of its half"),
    ]


def _per_kb(texts: Sequence[str], find: Find) -> list[float]:
    return [1e6 * _KB * _spent(text, find) / len(text) for text in texts]


def _refuses(text: str, find: Find) -> bool:
    try:
        find(text)
    except DetectorFailed:
        return True
    return False


def _spent(text: str, find: Find) -> float:
    """Return the seconds of CPU that one text takes; a refusal is an answer as well."""
    began = time.process_time()
    with suppress(DetectorFailed):
        find(text)
    return time.process_time() - began
