"""One pass over a text that says which encodings it may have, so that a text without any costs next to nothing."""

import string
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import re2

#: Words of which most instructions and messages have some, searched for in ciphers. One long word is enough.
LONG_WORDS: Final = (
    "ignore", "previous", "instruction", "instructions", "system", "password", "passwords", "secret", "secrets",
    "prompt", "please", "disregard", "forget", "reveal", "everything", "conversation", "execute", "command", "commands",
    "account", "customer", "should", "would", "because", "about", "their", "there", "which", "above", "message",
    "messages", "follow", "delete", "address", "number", "email", "https", "example", "token", "credentials", "server",
)  # fmt: skip
#: None of them is an English word in a mirrored alphabet, thirteen letters further, or backwards.
SHORT_WORDS: Final = (
    "the", "and", "you", "for", "with", "this", "that", "from", "your", "have", "send", "will", "tell", "what", "http",
    "com", "can", "print", "data", "user", "file", "key", "code", "write", "output", "text", "give", "show", "when",
)  # fmt: skip
SMALL_WORDS: Final = ("is", "to", "of", "in", "my", "it", "me", "an", "we")
_LOWER: Final = string.ascii_lowercase
_NATO: Final = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu alpha juliet x-ray whisky"
)
#: The spelling alphabet of ICAO and NATO, with its usual variants.
NATO: Final = {word: word[0] for word in _NATO.split(" ")}


def shifted(word: str, by: int) -> str:
    """Return a word with each letter moved on in the alphabet."""
    return word.translate(_shift(by))


@cache
def _shift(by: int) -> dict[int, int]:
    upper = _LOWER.upper()
    return str.maketrans(_LOWER + upper, _LOWER[by:] + _LOWER[:by] + upper[by:] + upper[:by])


ATBASH: Final = str.maketrans(_LOWER + _LOWER.upper(), _LOWER[::-1] + _LOWER.upper()[::-1])
ROT47: Final = {code: 33 + (code - 33 + 47) % 94 for code in range(33, 127)}


def backwards(word: str) -> str:
    """Return a word with its last letter first."""
    return word[::-1]


def _words(make: Callable[[str], str]) -> str:
    return "|".join(re2.escape(make(word)) for word in LONG_WORDS)


def _short(make: Callable[[str], str]) -> str:
    return rf"(?i)\b(?:{'|'.join(make(word) for word in SHORT_WORDS)})\b"


def _patterns() -> dict[str, str]:
    caesar = "|".join(_words(partial(shifted, by=by)) for by in range(1, 26))
    nato = "|".join(NATO)
    return {
        "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
        "base": r"[A-Za-z0-9+/_-]{14}",
        "hex": r"(?:[0-9A-Fa-f]{2}(?:[ :,-]|, ?0x| 0x)){7}[0-9A-Fa-f]{2}",
        "binary": r"[01]{7,8}[ ,]?[01]{7,8}",
        "codes": r"(?:\b\d{2,3}(?:[ ,;] ?|\b)){8}",
        "percent": r"%u?[0-9A-Fa-f]{2}",
        "entity": r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
        "quoted": r"=[0-9A-F]{2}=[0-9A-F]|=3D|=\r?\n|[A-Za-z]=[4-7][0-9A-F][A-Za-z=]",
        "escape": r"\\(?:u\{?[0-9A-Fa-f]{2}|x[0-9A-Fa-f]{2}|U000|[0-3][0-7]{2})",
        "base85": r"[!-u]{20}",
        "uu": r"(?m)^[!-M][ -`]{8,60}$",
        "morse": r"(?:[.-]{1,6}[ /|]{1,3}){6}",
        "spaced": r"(?:\b\w[ .\-_*|/+]{1,2}){5}\w\b",
        "leet": r"(?i)[a-z][013457$!|]{1,3}[a-z]",
        "caesar": rf"(?i){caesar}",
        "rot13": _short(lambda word: shifted(word, 13)),
        "atbash": rf"(?i){_words(lambda word: word.translate(ATBASH))}",
        "mirrored": _short(lambda word: word.translate(ATBASH)),
        "rot47": _words(lambda word: word.translate(ROT47)),
        "reversed": rf"(?i){_words(backwards)}",
        "turned": _short(backwards),
        "nato": rf"(?i)(?:\b(?:{nato})\W{{1,3}}){{3}}",
        "braille": r"[\x{2801}-\x{28ff}]{3}",
    }


@cache
def _set() -> tuple[Any, tuple[str, ...]]:
    names = []
    options = re2.Options()
    # A set that has no memory left for a state finds nothing, so it gets more than it needs.
    options.max_mem = 64 << 20
    every = re2.Set.SearchSet(options)
    for name, pattern in _patterns().items():
        every.Add(pattern)
        names.append(name)
    every.Compile()
    return every, tuple(names)


def hints_of(text: str) -> frozenset[str]:
    """Return the names of the encodings that a text may have. A text without a hint has none of them."""
    every, names = _set()
    found = every.Match(text)
    return frozenset(names[n] for n in found) if found else _NONE


_NONE: Final[frozenset[str]] = frozenset()
