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


def mirrored(word: str) -> str:
    """Return a word in the alphabet from its end."""
    return word.translate(ATBASH)


def backwards(word: str) -> str:
    """Return a word with its last letter first."""
    return word[::-1]


def _words(*listed: str) -> str:
    # Words are tried where one begins, so few states of the automaton have more than one of them in progress.
    return rf"(?i)\b(?:{'|'.join(listed)})"


def _written_so(make: Callable[[str], str], words: tuple[str, ...] = LONG_WORDS) -> str:
    return _words(*map(make, words))


_LOOKS: Final = {"o": "0", "i": "1!|", "l": "1|", "e": "3", "a": "4@", "s": "5$", "t": "7"}


def _leet(word: str) -> list[str]:
    """Return patterns of a word in which one letter or more is a digit or a sign."""
    either = [f"[{char}{re2.escape(_LOOKS[char])}]" if char in _LOOKS else char for char in word]
    return [
        "".join([*either[:at], f"[{re2.escape(_LOOKS[char])}]", *either[at + 1 :]])
        for at, char in enumerate(word)
        if char in _LOOKS
    ]


def _word_patterns() -> dict[str, str]:
    return {
        "caesar": _words(*(shifted(word, by) for by in range(1, 26) for word in LONG_WORDS)),
        "rot13": _written_so(partial(shifted, by=13), SHORT_WORDS) + r"\b",
        "atbash": _written_so(mirrored),
        "mirrored": _written_so(mirrored, SHORT_WORDS) + r"\b",
        "reversed": _written_so(backwards),
        "turned": _written_so(backwards, SHORT_WORDS) + r"\b",
        "nato": _words(*NATO) + r"\W{1,3}" + _words(*NATO) + r"\W",
        "leet": _words(*(one for word in (*LONG_WORDS, *SHORT_WORDS) for one in _leet(word))),
        "base": r"[A-Za-z0-9+/_-]{14}",
    }


#: A byte in hexadecimal and what may follow it, a number and what may follow it, the spaces of Morse, a letter alone.
_BYTE: Final = r"[0-9A-Fa-f]{2}(?:[ :,-]|, ?0x| 0x)"
_NUMBER: Final = r"\d\d[ ,;] ?"
_SIGNAL: Final = r"[.-]+[ /|]{1,3}"
_LETTER: Final = r"\w[ .\-_*|/+]{1,2}"
_ODD_SIGN: Final = r"[!-/:-@\[-`{-~]"

_SIGN_PATTERNS: Final = {
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
    "hex": 3 * _BYTE + r"[0-9A-Fa-f]{2}",
    "binary": r"[01]{7,8}[ ,]?[01]{7,8}",
    "codes": _NUMBER + 2 * r"\d{2,3}[ ,;] ?" + r"\d\d",
    "percent": r"%u?[0-9A-Fa-f]{2}",
    "entity": r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    "quoted": r"=[0-9A-F]{2}=[0-9A-F]|=3D|=\r?\n|[A-Za-z]=[4-7][0-9A-F][A-Za-z=]",
    "escape": r"\\(?:u\{?[0-9A-Fa-f]{2}|x[0-9A-Fa-f]{2}|U000|[0-3][0-7]{2})",
    "base85": 2 * (_ODD_SIGN + "[0-9A-Za-z]{0,5}") + _ODD_SIGN,
    "uu": r"(?m)^[!-M][ -`]{8}",
    "morse": r"[.-][ /|]{1,3}" + 2 * _SIGNAL + "[.-]",
    "spaced": r"\b" + 3 * _LETTER + r"\w\b",
    "braille": r"[\x{2801}-\x{28ff}]{3}",
}
#: A set that has no memory left for a state finds nothing, so it gets more than it needs.
_MAX_MEM: Final = 64 << 20


@cache
def _sets() -> tuple[tuple[Any, tuple[str, ...]], ...]:
    # Words and signs together would make an automaton of the product of their states.
    return tuple(_set_of(patterns) for patterns in (_word_patterns(), _SIGN_PATTERNS))


def _set_of(patterns: dict[str, str]) -> tuple[Any, tuple[str, ...]]:
    options = re2.Options()
    options.max_mem = _MAX_MEM
    every = re2.Set.SearchSet(options)
    for pattern in patterns.values():
        every.Add(pattern)
    every.Compile()
    return every, tuple(patterns)


def hints_of(text: str) -> frozenset[str]:
    """Return the names of the encodings that a text may have. A text without a hint has none of them."""
    (words, word_names), (signs, sign_names) = _sets()
    found, others = words.Match(text) or (), signs.Match(text) or ()
    if not found and not others:
        return _NONE
    return frozenset([*(word_names[n] for n in found), *(sign_names[n] for n in others)])


_NONE: Final[frozenset[str]] = frozenset()
