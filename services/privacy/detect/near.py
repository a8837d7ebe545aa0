"""Words near a value, which tell an account number from an order number, and where words are."""

import re
from collections.abc import Collection, Mapping, Sequence

from services.privacy.detect.patterns import Pattern

#: How a text becomes bytes. A lone surrogate becomes one byte, so that the places of all others stay.
ENCODING, ERRORS = "utf-8", "replace"

#: Characters before a value, and behind it, in which words count. Behind is short: that word may be of the next value.
BEFORE, BEHIND, JUST_BEFORE = 80, 24, 20
_NO_LETTER = r"[^0-9A-Za-z\x{c0}-\x{24f}\x{370}-\x{52f}]"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_JOINTS = re.compile(r"[_\-.]+")


def encoded(text: str) -> bytes:
    """Return a text's bytes."""
    return text.encode(ENCODING, ERRORS)


def code_points(data: bytes, places: Collection[int]) -> Mapping[int, int]:
    """Return the code point of each place in bytes; each lies at the start of a character. Linear in the text."""
    found: dict[int, int] = {}
    last, points = 0, 0
    for place in sorted(places):
        if place != last:
            points += len(data[last:place].decode(ENCODING, ERRORS))
            last = place
        found[place] = points
    return found


class Words:
    """Some words, in any case. Those with ``*`` at their end are prefixes.

    ``pattern`` says for a set whether one of them may be in a text: it hits wherever ``among`` does, and costs less.
    """

    __slots__ = ("_found", "pattern")

    def __init__(self, words: Sequence[str]) -> None:
        self.pattern = f"(?i){'|'.join(map(_roughly, sorted(words)))}"
        self._found = Pattern(f"(?i){'|'.join(map(_whole, sorted(words)))}")

    def among(self, data: bytes) -> bool:
        """Return whether one of them is in a text in UTF-8."""
        return self._found.is_in(data)


def around(text: str, start: int, end: int, above: str) -> bytes:
    """Return what is near a value. ``above`` stands before the text: keys of JSON."""
    before = text[max(0, start - BEFORE) : start]
    if start < BEFORE and above:
        before = f"{above}: {before}"
    return encoded(f"{before}\n{text[end : end + BEHIND]}")


def just_before(text: str, start: int) -> bytes:
    """Return the last characters before a value."""
    return encoded(text[max(0, start - JUST_BEFORE) : start])


def words_of_key(key: str) -> str:
    """Return the words of a key: ``cardNumber`` and ``card_number`` both read ``card number``."""
    return _JOINTS.sub(" ", _CAMEL.sub(" ", key[:64]))


def _whole(word: str) -> str:
    """Return the pattern of a word between others, or within them in scripts without spaces.

    An underscore parts words here, which is why ``\\b`` of RE2 does not do.
    """
    text = word.rstrip("*")
    start = "" if _is_unspaced(text[0]) else f"(?:^|{_NO_LETTER})"
    end = "" if word.endswith("*") or _is_unspaced(text[-1]) else f"(?:$|{_NO_LETTER})"
    return f"{start}{_quoted(text)}{end}"


def _roughly(word: str) -> str:
    """Return the pattern of a word with boundaries of ASCII only: classes of other letters make a set's states many."""
    text = word.rstrip("*")
    start = r"(?:\b|_)" if text[0].isascii() else ""
    end = r"(?:\b|_)" if text[-1].isascii() and not word.endswith("*") else ""
    return f"{start}{_quoted(text)}{end}"


def _is_unspaced(char: str) -> bool:
    """Return whether a script has no spaces between words: Thai, Chinese, Japanese; nor has Korean before endings."""
    return "\u0e00" <= char <= "\u0e7f" or "\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3"


def _quoted(word: str) -> str:
    return "".join(char if char.isalnum() or char == " " or ord(char) > 127 else f"\\{char}" for char in word)
