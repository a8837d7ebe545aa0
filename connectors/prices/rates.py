"""The price of one call as whole numbers: a rate for each kind of usage that a model's price names.

A kind without a rate of its own costs what the kind around it costs: cached tokens of a model without a price for
them are input tokens. So the price of a call is the sum over the parts that no smaller priced kind covers.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from schemas.records.base import Usage

_OF_INPUT = frozenset({"input_tokens"})
_OF_OUTPUT = frozenset({"output_tokens"})
_OF_READ = _OF_INPUT | {"cache_read_tokens"}
#: The kinds of tokens, and those that each is a part of.
PART_OF: Mapping[str, frozenset[str]] = {
    "input_tokens": frozenset(),
    "output_tokens": frozenset(),
    "cache_read_tokens": _OF_INPUT,
    "cache_write_tokens": _OF_INPUT,
    "cache_write_1h_tokens": _OF_INPUT | {"cache_write_tokens"},
    "tool_tokens": _OF_INPUT,
    "input_audio_tokens": _OF_INPUT,
    "input_image_tokens": _OF_INPUT,
    "input_video_tokens": _OF_INPUT,
    "cache_audio_read_tokens": _OF_READ | {"input_audio_tokens"},
    "cache_image_read_tokens": _OF_READ | {"input_image_tokens"},
    "reasoning_tokens": _OF_OUTPUT,
    "citation_tokens": _OF_OUTPUT,
    "output_audio_tokens": _OF_OUTPUT,
    "output_image_tokens": _OF_OUTPUT,
    "output_video_tokens": _OF_OUTPUT,
}
AUDIO_INPUT = frozenset({"input_audio_tokens", "cache_audio_read_tokens"})
VIDEO_INPUT = frozenset({"input_video_tokens"})
#: Written to a provider's cache for an hour, which is dearer than for minutes and must be requested.
LONG_WRITES = frozenset({"cache_write_1h_tokens"})
IMAGE_INPUT = frozenset({"input_image_tokens", "cache_image_read_tokens"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Whole numbers in units of 1/``scale`` nano-dollar. ``listed`` are the rates by kind.

    ``weights`` are what one more of a kind adds, which of a part is the difference to the whole; it may be negative.
    """

    listed: Mapping[str, int]
    weights: tuple[tuple[str, int], ...]
    request: int
    scale: int

    def rounded(self, usage: Usage) -> int:
        """Return a call's price in nano-dollars, rounded half up."""
        units: int = self.request + sum(getattr(usage, kind) * weight for kind, weight in self.weights)
        return (2 * units + self.scale) // (2 * self.scale)

    def exact(self, usage: Usage) -> Fraction:
        """Return a call's price in nano-dollars, not rounded."""
        units: int = self.request + sum(getattr(usage, kind) * weight for kind, weight in self.weights)
        return Fraction(units, self.scale)

    def ceiling(self, input_tokens: int, output_tokens: int, absent: Collection[str]) -> int:
        """Return the most that so many tokens can cost, of whatever kinds but ``absent``: nano-dollars, rounded up."""
        units = input_tokens * self._dearest("input_tokens", absent)
        units += output_tokens * self._dearest("output_tokens", absent)
        return -(-(units + self.request) // self.scale)

    def _dearest(self, whole: str, absent: Collection[str]) -> int:
        parts = (kind for kind in self.listed if whole in PART_OF.get(kind, ()) and kind not in absent)
        return max((self.listed[kind] for kind in (whole, *parts) if kind in self.listed), default=0)


def rates_of(nano: Mapping[str, Fraction], request_nano: Fraction) -> Rates:
    """Return the rates for prices in nano-dollars: of one of each kind, and of a request."""
    scale = lcm(request_nano.denominator, *(rate.denominator for rate in nano.values()))
    whole = {kind: int(rate * scale) for kind, rate in nano.items()}
    weights = tuple((kind, weight) for kind, weight in _weights(whole).items() if weight)
    return Rates(listed=whole, weights=weights, request=int(request_nano * scale), scale=scale)


def _weights(rates: Mapping[str, int]) -> dict[str, int]:
    """Return what one more of each kind adds: its rate is paid for what no part of it with a rate covers."""
    uncovered: dict[str, dict[str, int]] = {}
    for kind in _smallest_first(rates):
        own = {kind: 1}
        for part, counted in uncovered.items():
            if kind in PART_OF.get(part, ()):
                for name, times in counted.items():
                    own[name] = own.get(name, 0) - times
        uncovered[kind] = own
    weights = dict.fromkeys(rates, 0)
    for kind, counted in uncovered.items():
        for name, times in counted.items():
            weights[name] += times * rates[kind]
    return weights


def _smallest_first(kinds: Iterable[str]) -> list[str]:
    return sorted(kinds, key=lambda kind: -len(PART_OF.get(kind, ())))
