"""What a detector finds in a text. A finding scores; policies decide what follows from it."""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from schemas.payload import PathPart


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Characters ``start`` to ``end`` of the original text, as code points, are of a ``kind``.

    ``confidence`` is from 0 to 1. ``rule`` names what found it. ``via`` are the decodings between the original text and
    the one in which it was found, outermost first, such as ``base64``; then the span is that of the encoded text.
    The value itself is not in a finding, so a finding may be logged.
    """

    kind: str
    data_class: str
    start: int
    end: int
    confidence: float
    rule: str
    via: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in a text of a JSON value; ``path`` leads to the text."""

    path: tuple[PathPart, ...]
    finding: Finding


def apart(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings of which none overlaps another, by their place.

    Of those that overlap, the surer one stays, then the longer one, then the one that comes first.
    """
    chosen: list[Finding] = []
    # Chosen ones lie apart, so the last that starts before another's end is the only one that can overlap it.
    starts: list[int] = []
    for one in sorted(findings, key=lambda one: (-one.confidence, one.start - one.end, one.start, one.kind)):
        place = bisect_left(starts, one.end)
        if place == 0 or chosen[place - 1].end <= one.start:
            starts.insert(place, one.start)
            chosen.insert(place, one)
    return chosen
