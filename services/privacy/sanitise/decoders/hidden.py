"""Data in characters that nobody sees: variation selectors behind an emoji, bits in zero-width characters."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from services.privacy.sanitise.decoders.runs import Decoded, in_place, readable
from services.privacy.sanitise.offsets import Piece

_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_BITS: Final = re.compile("[\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]{12,}")
_INVISIBLE_PLUS, _INVISIBLE_TIMES, _SPACE = "\u2064", "\u2062", "\u200b"
#: Bits per character, those of ASCII and of bytes.
_SIZES: Final = (8, 7)


def hidden_in(text: str) -> Iterator[Decoded]:
    """Yield what variation selectors and zero-width characters of an original text spell."""
    for name, pattern, decode in (("variation", _SELECTORS, _of_selectors), ("zero-width", _BITS, _of_bits)):
        runs = [
            Piece(*found.span(), held) for found in pattern.finditer(text) if (held := decode(found[0])) is not None
        ]
        decoded = in_place(name, text, runs, strong=True)
        if decoded is not None:
            yield decoded


def _of_selectors(run: str) -> str | None:
    """Selectors 1 to 256 are bytes, or the supplementary ones are code points from zero on."""
    numbers = [ord(one) - 0xFE00 if ord(one) < 0xE0000 else ord(one) - 0xE0100 + 16 for one in run]
    text = readable(bytes(numbers), least=4)
    if text is None and min(numbers) >= 16:
        text = readable(bytes(number - 16 for number in numbers), least=4)
    return text


def _of_bits(run: str) -> str | None:
    signs = sorted(set(run))
    if _INVISIBLE_PLUS in signs and _INVISIBLE_TIMES in signs:
        text = _of_uneven(
            "".join("1" if one == _INVISIBLE_PLUS else "0" if one == _INVISIBLE_TIMES else " " for one in run)
        )
        if text is not None:
            return text
    # Of three signs, one may part the characters.
    for zero, one in ((a, b) for a in signs for b in signs if a != b):
        bits = "".join("0" if sign == zero else "1" if sign == one else " " for sign in run)
        text = _of_groups(bits)
        if text is not None:
            return text
    return None


def _of_groups(bits: str) -> str | None:
    groups = bits.split()
    if len(groups) > 2 and all(5 <= len(group) <= 8 for group in groups):
        return readable(bytes(int(group, 2) for group in groups), least=3)
    packed = "".join(groups)
    for size in _SIZES:
        if len(packed) % size == 0:
            text = readable(bytes(int(packed[at : at + size], 2) for at in range(0, len(packed), size)), least=2)
            if text is not None:
                return text
    return None


def _of_uneven(bits: str) -> str | None:
    """Bits without leading zeros: six for signs and digits, seven for letters, and a space between words."""
    words = [_split(word) for word in bits.split(" ")]
    return None if None in words else " ".join(word for word in words if word is not None)


def _split(bits: str) -> str | None:
    # The best way to each place: how many letters it has, and from where it comes.
    best: list[tuple[int, int] | None] = [(0, 0)] + [None] * len(bits)
    for at in range(len(bits)):
        here = best[at]
        if here is None or bits[at] != "1":
            continue
        for size in (6, 7):
            if at + size <= len(bits):
                letter = chr(int(bits[at : at + size], 2))
                score = here[0] + (3 if letter.islower() else 2 if letter.isalnum() else 0)
                other = best[at + size]
                if letter.isprintable() and (other is None or other[0] < score):
                    best[at + size] = (score, at)
    if best[-1] is None:
        return None
    places = [len(bits)]
    while places[-1]:
        step = best[places[-1]]
        assert step is not None
        places.append(step[1])
    return "".join(chr(int(bits[start:end], 2)) for start, end in pairwise(reversed(places)))
