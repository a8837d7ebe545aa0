"""Whether a text is random: Shannon's entropy per character, measured against what its alphabet and length allow."""

import itertools
import math
import re
from collections import Counter
from typing import Final

_HEX: Final = re.compile(r"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)$")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
#: Names made of words, numbers and joints: ``my-service-2024``, ``prod_eu_west_1``.
_NAME: Final = re.compile(
    r"(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}|\d{1,4}|v\d+)"
    r"(?:[-_./:](?:[A-Z]?[a-z]{2,}\d{0,2}|[A-Z]{2,}\d?|[a-z]|\d{1,4}[a-z]?|v\d+))*$"
)
_CAMEL: Final = re.compile(r"[A-Za-z][a-z]*(?:[A-Z]\d?[a-z]+|\d{1,2})*$")
_PATH: Final = re.compile(r"(?:\.{0,2}/)?[\w.-]*(?:/[\w.-]{2,}){2,}$")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d|\d{1,3}\.\d{1,3}\.\d{1,3}")
#: Of the entropy that a random text of this length and alphabet has on average.
_SHARE: Final = 0.84


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits per character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def random_looking(text: str) -> bool:
    """Return whether a text of 16 characters or more looks like a generator's.

    Names, paths, versions and identifiers do not: they are made of words.
    """
    if len(text) < 16 or _DATE.match(text):
        return False
    body = text.rstrip("=")
    if _HEX.match(body):
        return len(body) >= 20 and entropy(body) >= _SHARE * _expected(16, len(body)) and not body.isdigit()
    if _NAME.match(body) or _PATH.match(body) or _CAMEL.match(body):
        return False
    if sum(map(str.isdigit, body)) < 1 + len(body) // 40 or not any(map(str.isalpha, body)):
        return _mixed(body)
    alphabet = 36 if body.lower() == body or body.upper() == body else 62
    return entropy(body) >= _SHARE * _expected(alphabet, len(body)) and _uneven(body)


def uuid(text: str) -> bool:
    """Return whether a text is a UUID, which most services use for ids and some for keys."""
    return _UUID.match(text) is not None


def _mixed(body: str) -> bool:
    """Return whether letters without digits change case as random ones do: every second time, not once a word."""
    if len(body) < 20 or not body.isascii():
        return False
    changes = sum(a.islower() != b.islower() for a, b in itertools.pairwise(body) if a.isalpha() and b.isalpha())
    return changes >= len(body) * 0.33


def _uneven(body: str) -> bool:
    """Return whether kinds of characters alternate: a few words with numbers between them do not."""
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "s" for c in body]
    changes = sum(a != b for a, b in itertools.pairwise(kinds))
    return changes >= len(body) * 0.2


def _expected(alphabet: int, size: int) -> float:
    """Return about what a random text of this size has: less than log2 of the alphabet, since it is short."""
    return (
        math.log2(alphabet) - (alphabet - 1) / (2 * size * math.log(2)) if size > alphabet else math.log2(size) * 0.93
    )
