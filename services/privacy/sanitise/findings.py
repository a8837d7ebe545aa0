"""Findings of influence: links that carry data away, and invisible text. Detectors score; policies decide."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from schemas.privacy.findings import Finding, apart
from schemas.privacy.kinds import data_class_of
from services.privacy.sanitise.canonical import Layer
from services.privacy.sanitise.invisible import INVISIBLE
from services.privacy.sanitise.links import Carried, Link, links_in

_EXFILTRATION, _INVISIBLE = "exfiltration", "invisible"
_DISGUISES: Final = frozenset({"userinfo", "number", "split", "escaped"})
#: ``javascript:void(0)`` and its like do nothing.
_IDLE: Final = re.compile(
    r"javascript:\s*(?:void\s*\(?\s*0?\s*\)?|;|#|return\s+(?:false|true))?\s*;?\s*$", re.IGNORECASE
)
_PAGE_IN_URL: Final = re.compile(
    r"data:\s*(?:text/(?:html|xml|javascript)|application/(?:xhtml|xml|javascript)|image/svg)", re.IGNORECASE
)
_SCRIPTED: Final = re.compile(r"(?i)<script|\bon\w+\s*=|href\s*=\s*[\"']?(?:https?:|//)|url\(")

_TAGS: Final = re.compile("(\U0001f3f4)?[\U000e0000-\U000e007f]+")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_RUN: Final = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]{8,}")
_IN_WORDS: Final = re.compile(
    "(?<=[A-Za-z0-9])[\u034f\u115f\u1160\u180b-\u180e\u200b-\u200f\u2060-\u206f\u3164\ufeff\uffa0]+(?=[A-Za-z0-9])"
)
_OVERRIDE: Final = re.compile("[\u202d\u202e]")
_BIDI: Final = re.compile("[\u202a\u202b\u2066-\u2068]")
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_BACKSPACES: Final = re.compile("(?:[^\x08]\x08){3,}|\x08{3,}")
_CONCEALED: Final = re.compile("\x1b\\[(?:[0-9;]{0,32};)?8m|(?:\x1b\\]|\x9d)52;")
#: One such character may come from a copied text.
_LEAST_IN_WORDS: Final = 2


def influence_findings(text: str, layers: Sequence[Layer]) -> list[Finding]:
    """Return the findings of kinds ``exfiltration`` and ``invisible`` in a text with these layers.

    Spans are those of the original text. A confidence of 0.9 is a link that carries a readable text, or takes one in,
    without a click; 0.6 is a link that does what links of honest texts seldom do.
    """
    found = [one for link in links_in(text, layers) if (one := _of_link(text, link)) is not None]
    hidden = list(_of_invisible(text)) if not text.isascii() or "\x08" in text or "\x1b" in text else []
    # A link may be invisible, which is two findings.
    return sorted([*apart(found), *apart(hidden)], key=lambda one: one.start) if found or hidden else []


def _of_link(text: str, link: Link) -> Finding | None:
    rule, confidence = _judged(text, link)
    if not rule:
        return None
    return _finding(_EXFILTRATION, link.start, link.end, rule, confidence, link.via)


def _judged(text: str, link: Link) -> tuple[str, float]:
    if link.scheme in {"javascript", "vbscript"}:
        return ("", 0) if _IDLE.match(link.url) else ("link_script", 0.8)
    if link.scheme == "data":
        is_page = _PAGE_IN_URL.match(link.url) and (
            _SCRIPTED.search(link.url) or "base64" in link.url or link.automatic
        )
        return ("link_page", 0.7) if is_page else ("", 0)
    if not link.host:
        return "", 0
    if link.automatic and link.carried >= Carried.OPAQUE:
        return "link_fetched_with_data", 0.9 if link.carried is Carried.PLAIN else 0.6
    if link.hidden:
        return "link_hidden", 0.7
    if link.disguises & _DISGUISES:
        return "link_disguised", 0.7
    if link.carried is Carried.PLAIN:
        return "link_with_data", 0.6
    if "lookalike" in link.disguises and (
        link.carried or link.automatic or INVISIBLE.search(text, link.start, link.end)
    ):
        return "link_lookalike", 0.7
    if link.carries_data and (link.automatic or "address" in link.disguises) and not link.via:
        return ("link_to_address", 0.6) if "address" in link.disguises else ("", 0)
    return "", 0


def _of_invisible(text: str) -> Iterator[Finding]:
    for found in _TAGS.finditer(text):
        # Flags of regions are a black flag, a few tag letters and the cancel tag.
        if not (found[1] and len(found[0]) <= 8 and found[0].endswith("\U000e007f")):
            yield _invisible(found, "invisible_tags", 0.95)
    for found in _SELECTORS.finditer(text):
        yield _invisible(found, "invisible_selectors", 0.9)
    for found in _RUN.finditer(text):
        if len(set(found[0])) > 1 and not _is_padding(found[0]):
            yield _invisible(found, "invisible_bits", 0.9)
    in_words = list(_IN_WORDS.finditer(text))
    if len(in_words) >= _LEAST_IN_WORDS:
        yield from (_invisible(found, "invisible_in_words", 0.6) for found in in_words)
    for found in _OVERRIDE.finditer(text):
        yield _invisible(found, "bidi_override", 0.8)
    if not _RIGHT_TO_LEFT.search(text.replace("\ufeff", "")):
        yield from (_invisible(found, "bidi_without_letters", 0.6) for found in _BIDI.finditer(text))
    for pattern, rule in ((_BACKSPACES, "terminal_overwritten"), (_CONCEALED, "terminal_concealed")):
        yield from (_invisible(found, rule, 0.7) for found in pattern.finditer(text))


def _is_padding(run: str) -> bool:
    """Return whether a run repeats up to four characters: mailers fill previews with such."""
    return any(run == (run[:size] * len(run))[: len(run)] for size in range(1, 5))


def _invisible(found: re.Match[str], rule: str, confidence: float) -> Finding:
    return _finding(_INVISIBLE, found.start(), found.end(), rule, confidence, ())


def _finding(kind: str, start: int, end: int, rule: str, confidence: float, via: tuple[str, ...]) -> Finding:
    return Finding(
        kind=kind, data_class=data_class_of(kind), start=start, end=end, confidence=confidence, rule=rule, via=via
    )
