"""Lines of sanitising: encodings are read, invisible characters and links do not pass, and what a text costs."""

import gc
import math
import re
import time
from collections.abc import Callable, Sequence

from bench.lines import Line
from bench.privacy.clean_documents import clean_documents
from bench.privacy.encoders import ENCODERS, LOSSY
from bench.privacy.evasions import EVASIONS
from bench.privacy.exfiltrations import EXFILTRATIONS, passes
from bench.privacy.hostile import HOSTILE
from bench.privacy.payloads import payloads
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.prove.privacy.aims import ISSUE
from deploy.local.engines.progress import Progress
from schemas.errors import TooLarge
from schemas.privacy.findings import Finding
from services.privacy.sanitise.canonical import layers, visible
from services.privacy.sanitise.findings import influence_findings
from services.privacy.sanitise.invisible import INVISIBLE
from services.privacy.sanitise.links import without_links

_SHARED = next(aim for aim in ISSUE["secrets"] if aim.name == "exfiltrations_found")
AIMS = (
    *(aim for aim in ISSUE["sanitise"] if aim.name != "encoders_same_verdict"),
    _SHARED,
    Aim("encoded_texts_read", "%", at_least(90), at_least(99)),
    Aim("evasions_read", "%", at_least(90), at_least(98)),
    Aim("influence_clean_flagged", "%", at_most(2), at_most(0.5)),
    Aim("layers_clean_us_per_kb", "us", at_most(15), at_most(5)),
    Aim("layers_hostile_mb_s", "s", at_most(2), at_most(0.5)),
    Aim("layers_hostile_growth", "ratio", at_most(3), at_most(2.5)),
)
#: Texts around a payload, as a document or a message has it.
_AROUND = ("{}", "Please look at this:\n{}\nThanks, Ann")
_CLEAN = (
    "The quarterly report is ready, and we would like to discuss the results with your team on Thursday afternoon. "
    "Please bring the numbers for March; the old ones had two errors that nobody noticed until last week. "
)
_MEGABYTE = 1_000_000


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Read encoded and hostile texts, look for what passes, and time clean ones."""
    progress("privacy: encoded, hidden and hostile texts")
    return [
        _encoded(quick),
        _evaded(quick),
        _invisible(quick),
        *_links(),
        _flagged(),
        _clean(),
        *_hostile(quick),
    ]


def _encoded(quick: bool) -> Line:
    chosen = payloads()[:: 10 if quick else 1]
    cases = [(name, write(text), text) for name, write in ENCODERS.items() for text in chosen]
    missed = [name for name, written, text in cases if not _is_read(written, text, exactly=name not in LOSSY)]
    note = f"{len(ENCODERS)} encoders, {len(chosen)} texts; {_counted(missed)}"
    return line_of(AIMS, "encoded_texts_read", 100 * (1 - len(missed) / len(cases)), note)


def _evaded(quick: bool) -> Line:
    chosen = payloads()[:: 30 if quick else 10]
    cases = [(one.name, one.write(text), text) for one in EVASIONS for text in chosen]
    missed = [name for name, written, text in cases if not _is_read(written, text, exactly=False)]
    note = f"{len(EVASIONS)} ways, {len(chosen)} texts, in a message and alone; {_counted(missed)}"
    return line_of(AIMS, "evasions_read", 100 * (1 - len(missed) / len(cases)), note)


def _is_read(written: str, text: str, *, exactly: bool) -> bool:
    """Return whether a layer has the text, or the text is refused, wherever it stands."""
    return all(_has_layer(around.format(written), text, exactly) for around in _AROUND)


def _has_layer(document: str, text: str, exactly: bool) -> bool:
    try:
        found = layers(document)
    except TooLarge:
        return True
    if exactly:
        return any(text in layer.text for layer in found)
    return any(_letters(text) in _letters(layer.text) for layer in found)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def _counted(names: Sequence[str]) -> str:
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return "missed: " + (", ".join(f"{name} {count}" for name, count in counts.items()) or "none")


def _invisible(quick: bool) -> Line:
    texts = [one.write(text) for one in EVASIONS for text in payloads()[:: 50 if quick else 20]]
    texts += [write(text) for write in ENCODERS.values() for text in payloads()[:: 50 if quick else 20]]
    texts += clean_documents(100)
    left = sum(len(INVISIBLE.findall(visible(text))) for text in texts)
    hidden = sum(len(INVISIBLE.findall(text)) for text in texts)
    return line_of(AIMS, "invisible_to_models", float(left), f"of {hidden} in {len(texts)} texts")


def _links() -> list[Line]:
    found = [form.name for form in EXFILTRATIONS if any(one.kind == "exfiltration" for one in _findings(form.text))]
    missed = [form.name for form in EXFILTRATIONS if form.name not in found]
    passed = [form.name for form in EXFILTRATIONS if _passes(form.text)]
    return [
        line_of(
            AIMS,
            "exfiltrations_found",
            100 * len(found) / len(EXFILTRATIONS),
            f"{len(EXFILTRATIONS)} forms; {_counted(missed)}",
        ),
        line_of(AIMS, "url_forms_passed", float(len(passed)), f"of {len(EXFILTRATIONS)}; {_counted(passed)}"),
    ]


def _passes(text: str) -> bool:
    return any(passes(layer.text) for layer in layers(without_links(text)))


def _findings(text: str) -> Sequence[Finding]:
    return influence_findings(text, layers(text))


def _flagged() -> Line:
    documents = clean_documents(500)
    flagged = sum(bool(_findings(text)) for text in documents)
    return line_of(
        AIMS, "influence_clean_flagged", 100 * flagged / len(documents), f"{flagged} of {len(documents)}, of 22 kinds"
    )


def _clean() -> Line:
    text = (_CLEAN * 50)[:10_240]
    layers(text)
    return line_of(
        AIMS,
        "layers_clean_us_per_kb",
        min(_cpu(lambda: layers(text), 50) for _ in range(7)) * 1e6 / 10,
        "10 KB of ASCII prose",
    )


def _hostile(quick: bool) -> list[Line]:
    size = _MEGABYTE // 10 if quick else _MEGABYTE
    worst, growth = ("", 0.0), ("", 0.0)
    for name, make in HOSTILE.items():
        # Over two doublings: memory of another kind, from some size on, makes one step and is no growth.
        quarter, whole = (_read_s(make(n)) for n in (size // 4, size))
        worst = max(worst, (name, whole * _MEGABYTE / size), key=lambda one: one[1])
        if whole > 0.005:
            growth = max(growth, (name, math.sqrt(whole / quarter)), key=lambda one: one[1])
    note = f"{len(HOSTILE)} kinds of {size} characters; worst: "
    return [
        line_of(AIMS, "layers_hostile_mb_s", worst[1], note + worst[0]),
        line_of(AIMS, "layers_hostile_growth", growth[1], f"twice the text; {note}{growth[0]}"),
    ]


def _read_s(text: str) -> float:
    # As in the roles, the collector does not look at what was there before: other parts of the area leave much.
    gc.collect()
    gc.freeze()
    try:
        return min(_cpu(lambda: _read(text), 1) for _ in range(3))
    finally:
        gc.unfreeze()


def _read(text: str) -> None:
    try:
        layers(text)
    except TooLarge:
        return


def _cpu(act: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - start) / times
