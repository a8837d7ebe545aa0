"""Encodings that are read: what a text holds in each. A decoder runs where there is a hint of its encoding."""

from collections.abc import Callable, Iterator
from typing import Final

from services.privacy.sanitise.decoders import bases, ciphers, escapes
from services.privacy.sanitise.decoders.hidden import hidden_in
from services.privacy.sanitise.decoders.hints import hints_of
from services.privacy.sanitise.decoders.runs import Decoded

__all__ = ["Decoded", "decodings", "hidden_in", "hints_of"]

_DECODERS: Final[tuple[tuple[frozenset[str], Callable[[str], Iterator[Decoded]]], ...]] = tuple(
    (frozenset(hints), decoder)
    for hints, decoder in (
        (("base",), bases.base_runs),
        (("base85",), bases.base85_runs),
        (("uu",), bases.uu_lines),
        (("hex",), bases.hex_pairs),
        (("binary", "codes"), bases.numbers),
        (("percent",), escapes.percent),
        (("entity",), escapes.entities),
        (("quoted",), escapes.quoted_printable),
        (("escape",), escapes.escapes),
        (("caesar", "rot13", "atbash", "mirrored", "reversed", "turned"), ciphers.alphabets),
        (("base85",), ciphers.rot47),
        (("spaced",), ciphers.spaced),
        (("leet",), ciphers.leet),
        (("morse",), ciphers.morse),
        (("braille",), ciphers.braille),
        (("nato",), ciphers.nato),
    )
)


#: Decoders that give a text in other words or another order, and the hints that are worth a look in such a text.
_CIPHERS: Final = ("rot", "atbash", "reversed", "spaced", "leet", "nato", "morse", "braille")
_AFTER_CIPHERS: Final = frozenset({"base", "base85", "hex", "binary"})


def decodings(text: str, hints: frozenset[str], after: tuple[str, ...] = ()) -> Iterator[Decoded]:
    """Yield what a canonical text holds in each encoding of which it has a hint.

    ``after`` are the encodings from which the text itself came.
    """
    if any(one.startswith(_CIPHERS) for one in after):
        hints &= _AFTER_CIPHERS
    if not hints:
        return
    for needed, decoder in _DECODERS:
        if not hints.isdisjoint(needed):
            yield from decoder(text)
