"""Strings that are planted for a person, recognisable in any form that a store may write them in.

A string is two marks with text around them. Every mark of a game begins with the game's stem, eight letters that
nothing else has, so a search needs the forms of the stem alone; what follows it names the person. Two marks, since a
step may cut a text at any character: at most one of them is cut.
"""

import base64
import random
import re
from dataclasses import dataclass
from string import ascii_lowercase

STEM_CHARS = 8
NUMBER_CHARS = 5
_TAIL_CHARS = 6


@dataclass(frozen=True)
class Stem:
    """The beginning of all marks of one game, or of its control."""

    text: str

    @classmethod
    def of(cls, chance: random.Random) -> "Stem":
        """Return letters that are rare in texts: no vowel, no letter twice."""
        return cls("".join(chance.sample([letter for letter in ascii_lowercase if letter not in "aeiou"], STEM_CHARS)))

    def marks(self, number: int) -> tuple[str, str]:
        """Return the two marks of a person, by its number in the game (0 to 99,999)."""
        digits = f"{number:0{NUMBER_CHARS}d}"
        tails = random.Random(f"{self.text}{number}")  # noqa: S311 - a mark is no secret
        first, second = ("".join(tails.choices(ascii_lowercase, k=_TAIL_CHARS)) for _ in range(2))
        return f"{self.text}{digits}a{first}", f"{self.text}{digits}b{second}"

    def string(self, number: int) -> str:
        """Return the planted string of a person, with characters that JSON, URLs and HTML escape."""
        first, second = self.marks(number)
        return f'{first} é "{second}" <{second}@{first}.example>'

    def number_in(self, text: str) -> int | None:
        """Return whose mark a text begins with, ``None`` when it is cut off before its number."""
        found = re.match(rf"{self.text}(\d{{{NUMBER_CHARS}}})", text, re.IGNORECASE)
        return int(found[1]) if found else None


@dataclass(frozen=True)
class Needle:
    """Bytes that stand for the stem in one form. ``form`` names it, ``shift`` is where base64 cut the stem."""

    form: str
    data: bytes
    shift: int = 0


def needles(stem: Stem) -> tuple[Needle, ...]:
    """Return all forms that are searched for.

    Plain, upper case and reversed; UTF-16; hex; every character as JSON's or a URL's escape; base64 at each of its
    three places, and base64 of that. What compresses or encrypts is none of them: stores are unpacked first.
    """
    text = stem.text
    plain = [
        Needle("plain", text.encode()),
        Needle("upper", text.upper().encode()),
        Needle("reversed", text[::-1].encode()),
        Needle("utf-16", b"\0".join(bytes([char]) for char in text.encode())),
        Needle("hex", text.encode().hex().encode()),
        Needle("hex", text.encode().hex().upper().encode()),
        Needle("json escapes", "".join(f"\\u{ord(char):04x}" for char in text).encode()),
        Needle("json escapes", "".join(f"\\u{ord(char):04X}" for char in text).encode()),
        Needle("percent", "".join(f"%{ord(char):02x}" for char in text).encode()),
        Needle("percent", "".join(f"%{ord(char):02X}" for char in text).encode()),
    ]
    once = [Needle("base64", middle, shift) for shift, middle in _base64_middles(text.encode())]
    twice = [Needle("base64 twice", again) for one in once for _, again in _base64_middles(one.data)]
    return (*dict.fromkeys(plain), *once, *twice)


def _base64_middles(data: bytes) -> list[tuple[int, bytes]]:
    """Return what base64 makes of bytes at each place of its groups of three, without what neighbours decide."""
    found = []
    for shift in range(3):
        packed = base64.b64encode(bytes(shift) + data)
        first, end = -(-shift * 8 // 6), (shift + len(data)) * 8 // 6
        found.append((shift, packed[first:end]))
    return found
