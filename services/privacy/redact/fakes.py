"""Values of the same shape as others, for forms that need one: made of a keyed hash, and never reversible.

A card's number keeps its length and has a right check digit, an e-mail address is one at ``example.com``; of all others
each digit becomes a digit and each letter a letter of its case.
"""

import hashlib
from collections.abc import Iterator
from string import ascii_lowercase

_TEN = 10


def fake_of(kind: str, value: str, seed: bytes) -> str:
    """Return a fake for a value: the same for the same value and seed."""
    if kind == "email":
        return f"{''.join(ascii_lowercase[one % 26] for one in seed[:12])}@example.com"
    stream = _bytes(seed)
    fake = "".join(_like(char, next(stream)) for char in value)
    return _with_check_digit(fake) if kind == "card" else fake


def _bytes(seed: bytes) -> Iterator[int]:
    number = 0
    while True:
        yield from hashlib.sha256(seed + number.to_bytes(4, "big")).digest()
        number += 1


def _like(char: str, byte: int) -> str:
    if char.isdigit():
        return str(byte % _TEN)
    if char.isalpha():
        letter = ascii_lowercase[byte % 26]
        return letter.upper() if char.isupper() else letter
    return char


def _with_check_digit(text: str) -> str:
    """Return a number whose last digit makes it right by Luhn's formula (ISO/IEC 7812-1)."""
    places = [at for at, char in enumerate(text) if char.isdigit()]
    if not places:
        return text
    total = 0
    for number, at in enumerate(reversed(places[:-1])):
        doubled = int(text[at]) * (2 if number % 2 == 0 else 1)
        total += doubled - 9 if doubled >= _TEN else doubled
    last = places[-1]
    return f"{text[:last]}{-total % _TEN}{text[last + 1 :]}"
