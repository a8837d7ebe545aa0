"""Masks: what is left of a value so that a person recognises it, and nobody can restore it."""

from collections.abc import Callable
from typing import Final

STARS: Final = "***"
#: Digits that stay at the end, of values with at least ``_LONG`` characters.
SHOWN: Final = 4
_LONG: Final = 8


def mask(kind: str, value: str) -> str:
    """Return the mask of a value: ``a***@***.com``, the last four digits of a card, and stars for all else.

    A value that is too short for its mask becomes stars alone, since what is left would be most of it.
    """
    return _MASKS.get(kind, _nothing)(value.strip()) or STARS


def _email(value: str) -> str:
    name, at, domain = value.partition("@")
    _, dot, top = domain.rpartition(".")
    if not (at and name and dot and top.isalpha()):
        return STARS
    return f"{name[0] if len(name) > 1 else ''}{STARS}@{STARS}.{top}"


def _last_digits(value: str) -> str:
    """Return the value with every letter and digit but the last four as a star; its punctuation shows its form."""
    letters = [place for place, letter in enumerate(value) if letter.isalnum()]
    if len(letters) < _LONG:
        return STARS
    hidden = set(letters[:-SHOWN])
    return "".join("*" if place in hidden else letter for place, letter in enumerate(value))


def _name(value: str) -> str:
    words = value.split()
    return " ".join(f"{word[0]}{STARS}" for word in words) if all(len(word) > 1 for word in words) else STARS


def _nothing(value: str) -> str:
    return STARS if value else ""


_MASKS: Final[dict[str, Callable[[str], str]]] = {
    "email": _email,
    "phone": _last_digits,
    "card": _last_digits,
    "iban": _last_digits,
    "bank_account": _last_digits,
    "ssn": _last_digits,
    "name": _name,
}
