"""The layers of a text: its canonical form, and what is encoded in it. Detectors read every layer.

An encoding hides nothing from a model that knows it, so a text in base64 is judged as the text that it holds. Each
layer leads back to the original text, so that a finding in it can be redacted there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.privacy.sanitise.decoders import Decoded, decodings, hidden_in, hints_of
from services.privacy.sanitise.errors import TextTooLarge, TooDeep
from services.privacy.sanitise.forms import canonical, folded
from services.privacy.sanitise.invisible import visible
from services.privacy.sanitise.offsets import Offsets, Same

__all__ = ["LIMITS", "Layer", "Limits", "TextTooLarge", "TooDeep", "layers", "visible"]


@dataclass(frozen=True)
class Limits:
    """How much of a text is read. ``chars`` are code points, of the text and of all that is encoded in it."""

    chars: int = 4_000_000
    depth: int = 3


LIMITS: Final = Limits()


@dataclass(frozen=True)
class Layer:
    """A text that detectors read. ``via`` are the decodings that led to it, outermost first; empty for the first layer.

    ``starts`` leads to the text from which it was derived: the original, or that of the layer ``inside`` which it is.
    ``strong`` when chance alone would hardly make any of its decodings readable.
    """

    text: str
    starts: Offsets = field(default_factory=Same, repr=False)
    via: tuple[str, ...] = ()
    inside: "Layer | None" = field(default=None, repr=False)
    strong: bool = field(default=True, repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return which characters of the original text these characters of the layer were made from."""
        span = self.starts.span(start, end)
        return span if self.inside is None else self.inside.span(*span)


def layers(text: str, limits: Limits = LIMITS) -> list[Layer]:
    """Return the canonical text, then what is decoded from it, outermost first.

    Raises ``TextTooLarge``, or ``TooDeep`` where there is still an encoded text at the last level that is read.
    """
    if len(text) > limits.chars:
        raise TextTooLarge(len(text), limits.chars)
    if text.isascii():
        hints = hints_of(text)
        if not hints:
            return [Layer(text)]
    found = _Found(limits)
    level = found.taken(_first(text))
    for _ in range(limits.depth):
        if not level:
            return found.layers
        level = found.taken(_inner(level))
    if any(found.taken(_inner(level, strong=True))):
        raise TooDeep("encodings", limits.depth)
    return found.layers


def _first(text: str) -> Iterator[Layer]:
    plain, offsets = canonical(text)
    first = Layer(plain, offsets)
    yield first
    bare = folded(plain) if not plain.isascii() else None
    if bare is not None:
        yield Layer(bare, via=("folded",), inside=first)
    if not text.isascii():
        for decoded in hidden_in(text):
            yield from _of(decoded, None)


def _inner(level: Sequence[Layer], *, strong: bool = False) -> Iterator[Layer]:
    for layer in level:
        if strong and not layer.strong:
            continue
        for decoded in decodings(layer.text, hints_of(layer.text), after=layer.via):
            if decoded.strong or not strong:
                yield from _of(decoded, layer)


def _of(decoded: Decoded, inside: Layer | None) -> Iterator[Layer]:
    """Yield the layer of a decoded text, in its canonical form."""
    via = (*(inside.via if inside else ()), decoded.name)
    strong = decoded.strong and (inside is None or inside.strong)
    layer = Layer(decoded.text, decoded.offsets, via, inside, strong)
    plain, offsets = canonical(decoded.text)
    yield layer if plain == decoded.text else Layer(plain, offsets, via, layer, strong)


class _Found:
    """Layers without repetition, and how much there may still be."""

    def __init__(self, limits: Limits) -> None:
        self.layers: list[Layer] = []
        self._texts: set[str] = set()
        self._limits = limits
        self._chars = 0

    def taken(self, those: Iterable[Layer]) -> list[Layer]:
        fresh = []
        for one in those:
            if one.text in self._texts:
                continue
            self._texts.add(one.text)
            self._chars += len(one.text)
            if self._chars > 2 * self._limits.chars:
                raise TextTooLarge(self._chars, 2 * self._limits.chars)
            fresh.append(one)
        self.layers += fresh
        return fresh
