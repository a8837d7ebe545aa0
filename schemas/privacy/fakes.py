"""Fakes: made-up values of the same shape, where a form refuses a token. Nothing leads back from them.

Each is drawn from a range that belongs to nobody, where one is reserved: e-mail and URLs at example domains (RFC 2606,
RFC 6761), numbers 555-01xx of North America and 07700 900xxx of the United Kingdom (kept for fiction by NANPA and
Ofcom), addresses of documentation (RFC 5737, RFC 3849, RFC 7042), social security numbers that begin with 9 (never
issued). A card has the prefix 400000 that payment processors use in their tests, and its Luhn digit. An IBAN has its
country, its length, its check digits (ISO 13616) and an account of an all-zero bank. For other kinds nothing is
reserved: letters become letters and digits become digits. There is no format-preserving encryption, which can be
reversed.
"""

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

_FIRST: Final = [
    "Ada",
    "Ben",
    "Cleo",
    "Dara",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Joan",
    "Kai",
    "Lena",
    "Milo",
    "Nora",
    "Otis",
    "Pia",
    "Quin",
    "Rosa",
    "Sven",
    "Tess",
]
_LAST: Final = [
    "Abel",
    "Birch",
    "Calder",
    "Drift",
    "Elm",
    "Ferris",
    "Gable",
    "Harbor",
    "Ives",
    "Juniper",
    "Keel",
    "Lark",
    "Moss",
    "North",
    "Orchard",
    "Pike",
    "Quill",
    "Reed",
    "Stone",
    "Thorn",
    "Underhill",
    "Vale",
    "Willow",
    "Yarrow",
]
_DOMAINS: Final = ("example.com", "example.net", "example.org")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_FIRST_DAY: Final = date(1950, 1, 1)
_DAYS: Final = 18_000
_DRAWN_MOST: Final = 4


class Draws:
    """Numbers that follow from a seed: the same ones for the same seed."""

    def __init__(self, seed: bytes) -> None:
        self._bits = int.from_bytes(hashlib.shake_256(seed).digest(256), "big")

    def below(self, most: int) -> int:
        """Return the next number from 0 to ``most`` - 1."""
        self._bits, number = divmod(self._bits, most)
        return number

    def digits(self, many: int) -> str:
        """Return that many digits."""
        return "".join(str(self.below(10)) for _ in range(many))


def fake_of(kind: str, value: str, seed: bytes) -> str:
    """Return the made-up value of a seed, which must be a keyed hash of kind and value: 16 bytes or more."""
    draws, make = Draws(seed), _FAKES.get(kind, _same_shape)
    # A draw may be the value itself. The next ones have the same form.
    for _ in range(_DRAWN_MOST):
        if (made := make(value.strip(), draws)) != value:
            return made
    return _same_shape(value, draws)


def luhn_digit(digits: str) -> str:
    """Return the digit that makes a card number right (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 - place % 2)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def iban_digits(country: str, account: str) -> str:
    """Return the two check digits of an IBAN (ISO 7064 MOD 97-10)."""
    number = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    return f"{98 - int(number) % 97:02d}"


def _email(_: str, draws: Draws) -> str:
    name = f"{_one(_FIRST, draws)}.{_one(_LAST, draws)}".lower()
    return f"{name}{draws.digits(4)}@{_one(_DOMAINS, draws)}"


def _phone(value: str, draws: Draws) -> str:
    # Of a number of another country the length is all that could be kept, and there it may be somebody's.
    if value.replace(" ", "").startswith(("+44", "0044")):
        return f"+44 7700 900{draws.digits(3)}"
    return f"+1 {2 + draws.below(8)}{draws.below(9)}{draws.below(10)} 555 01{draws.digits(2)}"


def _card(value: str, draws: Draws) -> str:
    length = max(13, min(19, sum(letter.isdecimal() for letter in value)))
    body = "400000" + draws.digits(length - 7)
    return _like(value, body + luhn_digit(body))


def _iban(value: str, draws: Draws) -> str:
    plain = "".join(letter for letter in value.upper() if letter.isalnum())
    country = plain[:2] if len(plain) > 14 and plain.isascii() and plain[:2].isalpha() else "DE"
    shape = plain[4:] if country == plain[:2] else "0" * 18
    bank, rest = shape[:8], shape[8:]
    account = "".join("X" if letter.isalpha() else "0" for letter in bank) + _same_shape(rest, draws)
    return _like(value, f"{country}{iban_digits(country, account)}{account}")


def _ssn(value: str, draws: Draws) -> str:
    return _like(value, f"9{draws.digits(2)}0{1 + draws.below(9)}{1 + draws.below(9_999):04d}")


def _ip(value: str, draws: Draws) -> str:
    if ":" in value:
        return "2001:db8::" + ":".join(f"{draws.below(65_536):x}" for _ in range(4))
    return f"{_one(('192.0.2', '198.51.100', '203.0.113'), draws)}.{1 + draws.below(254)}"


def _mac(value: str, draws: Draws) -> str:
    made = f"00005E0053{draws.below(256):02X}"
    return _like(value, made.lower() if value.islower() else made)


def _url(value: str, draws: Draws) -> str:
    scheme, there, _ = value.partition("://")
    host = f"{_one(_LAST, draws).lower()}{draws.digits(4)}.{_one(_DOMAINS, draws)}"
    return f"{scheme}://{host}/" if there else host


def _date(value: str, draws: Draws) -> str:
    day = _FIRST_DAY + timedelta(days=draws.below(_DAYS))
    groups = "".join(letter if letter.isdecimal() else " " for letter in value).split()
    if [len(one) for one in groups] == [4, 2, 2]:
        return _like(value, f"{day:%Y%m%d}")
    if [len(one) for one in groups] == [2, 2, 4]:
        # Day and month cannot be told apart, so both are at most 12.
        return _like(value, f"{1 + draws.below(12):02d}{1 + draws.below(12):02d}{day:%Y}")
    return day.isoformat()


def _name(value: str, draws: Draws) -> str:
    return f"{_one(_FIRST, draws)} {_one(_LAST, draws)}" if " " in value else _one(_FIRST, draws)


def _same_shape(value: str, draws: Draws) -> str:
    return "".join(_drawn(letter, draws) for letter in value)


def _drawn(letter: str, draws: Draws) -> str:
    if letter.isdecimal():
        return draws.digits(1)
    if letter.isalpha():
        made = _LETTERS[draws.below(26)]
        return made.upper() if letter.isupper() else made
    return letter


def _like(value: str, letters: str) -> str:
    """Return letters and digits with the punctuation of a value, if there are as many of them."""
    if sum(letter.isalnum() for letter in value) != len(letters):
        return letters
    rest = iter(letters)
    return "".join(next(rest) if letter.isalnum() else letter for letter in value)


def _one(choices: "tuple[str, ...] | list[str]", draws: Draws) -> str:
    return choices[draws.below(len(choices))]


_FAKES: Final[dict[str, Callable[[str, Draws], str]]] = {
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
    "ssn": _ssn,
    "ip": _ip,
    "mac": _mac,
    "url": _url,
    "date_of_birth": _date,
    "name": _name,
}
