"""Words near a value, which tell an account number from an order number."""

import re
from collections.abc import Sequence

#: Characters before a value, and behind it, in which words count. Behind is short: that word may be of the next value.
BEFORE, BEHIND, JUST_BEFORE = 80, 24, 20

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_JOINTS = re.compile(r"[_\-.]+")


class Words:
    """Some words. Those with ``*`` at their end are prefixes."""

    __slots__ = ("_found", "pattern")

    def __init__(self, words: Sequence[str]) -> None:
        self._found = re.compile("|".join(map(_whole, sorted(words))))
        #: For a set of RE2: whether one of them is in a text at all. It may hit where ``among`` does not.
        self.pattern = "(?i)" + "|".join(_quoted(word.rstrip("*")) for word in sorted(words))

    def among(self, text: str) -> bool:
        """Return whether one of them is in a text of lower case."""
        return self._found.search(text) is not None


def around(text: str, start: int, end: int, above: str) -> str:
    """Return what is near a value, in lower case. ``above`` stands before the text: keys of JSON."""
    before = text[max(0, start - BEFORE) : start]
    if start < BEFORE and above:
        before = f"{above}: {before}"
    return f"{before}\n{text[end : end + BEHIND]}".lower()


def just_before(text: str, start: int) -> str:
    """Return the last characters before a value, in lower case."""
    return text[max(0, start - JUST_BEFORE) : start].lower()


def words_of_key(key: str) -> str:
    """Return the words of a key: ``cardNumber`` and ``card_number`` both read ``card number``."""
    return _JOINTS.sub(" ", _CAMEL.sub(" ", key[:64]))


def _whole(word: str) -> str:
    """Return the pattern of a word between others, or within them in scripts without spaces."""
    text = word.rstrip("*")
    start = "" if _is_unspaced(text[0]) else r"(?<![^\W_])"
    end = "" if word.endswith("*") or _is_unspaced(text[-1]) else r"(?![^\W_])"
    return f"{start}{re.escape(text)}{end}"


def _is_unspaced(char: str) -> bool:
    """Return whether a script has no spaces between words: Thai, Chinese, Japanese; nor has Korean before endings."""
    return "\u0e00" <= char <= "\u0e7f" or "\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3"


def _quoted(word: str) -> str:
    return "".join(char if char.isalnum() or char == " " or ord(char) > 127 else f"\\{char}" for char in word)
