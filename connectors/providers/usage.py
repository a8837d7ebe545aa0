"""A provider's counts as ``Usage``: the one place where input is made inclusive and parts are made to fit.

An adapter passes the raw counts by kind, with an input that includes what was cached. A count that is no whole number
from 0 on counts as not given: then input and output are taken at their bounds, and a part is taken as 0. Each such
correction is noted as ``<kind>:<fault>``.

=================  ==========================================================================================
fault              what is booked
=================  ==========================================================================================
not_given          the upper bound of input or output
unreadable         nothing of this part: its tokens cost what the whole costs
over_the_whole     as much of the part as the whole has room for
=================  ==========================================================================================
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.records.base import OTHER_KINDS, Usage

#: Larger counts are no counts: records hold integers up to this, exactly.
_TOO_MANY = 2**53
_WHOLES = ("input_tokens", "output_tokens")
#: The parts that take their room from a whole, in this order; those in parentheses lie within the part before.
_PARTS_OF_INPUT = (
    ("cache_read_tokens", ()),
    ("cache_write_tokens", ("cache_write_1h_tokens",)),
    ("tool_tokens", ()),
)
_MEDIA_OF_INPUT = (
    ("input_audio_tokens", "cache_audio_read_tokens"),
    ("input_image_tokens", "cache_image_read_tokens"),
    ("input_video_tokens", None),
)
_PARTS_OF_OUTPUT = (
    "reasoning_tokens",
    "citation_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "output_video_tokens",
)


class Bounds(NamedTuple):
    """The most tokens that a call can have read and written."""

    input_tokens: int
    output_tokens: int


class Counted(NamedTuple):
    """What a call used, and what had to be corrected."""

    usage: Usage
    notes: tuple[str, ...] = ()


def whole_number(value: object) -> int | None:
    """Return a count, or ``None`` for what is none. JSON's ``12.0`` is 12."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY else None


def counted(given: Mapping[str, object], most: Bounds) -> Counted:
    """Return a call's usage. ``given`` are the provider's counts by kind; null is as good as absent."""
    notes: list[str] = []
    counts = dict(zip(_WHOLES, most, strict=True))
    for kind in (*_WHOLES, *OTHER_KINDS):
        value = given.get(kind)
        number = whole_number(value)
        if number is not None:
            counts[kind] = number
        elif kind in _WHOLES or value is not None:
            notes.append(f"{kind}:not_given" if kind in _WHOLES else f"{kind}:unreadable")
    fitted = _fitted(counts)
    notes += [f"{kind}:over_the_whole" for kind in OTHER_KINDS if fitted.get(kind, 0) != counts.get(kind, 0)]
    return Counted(Usage(**fitted), tuple(notes))


def added(*values: object) -> int | None:
    """Return the sum of counts of which the provider gave some; ``None`` when one is no count, or none is there."""
    given = [whole_number(value) for value in values if value is not None]
    return None if not given or None in given else sum(number for number in given if number is not None)


def _fitted(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with parts that do not overlap beyond what their prices assume."""
    fitted = dict(counts)
    room = counts["input_tokens"]
    for kind, within in _PARTS_OF_INPUT:
        fitted[kind] = min(counts.get(kind, 0), room)
        room -= fitted[kind]
        for part in within:
            fitted[part] = min(counts.get(part, 0), fitted[kind])
    cached = fitted["cache_read_tokens"]
    for kind, cached_kind in _MEDIA_OF_INPUT:
        from_cache = min(counts.get(cached_kind, 0), counts.get(kind, 0), cached) if cached_kind else 0
        new = min(counts.get(kind, 0) - from_cache, room)
        fitted[kind], room, cached = from_cache + new, room - new, cached - from_cache
        if cached_kind:
            fitted[cached_kind] = from_cache
    return fitted | _within(counts["output_tokens"], _PARTS_OF_OUTPUT, counts)


def _within(room: int, kinds: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    fitted: dict[str, int] = {}
    for kind in kinds:
        fitted[kind] = min(counts.get(kind, 0), room)
        room -= fitted[kind]
    return fitted
