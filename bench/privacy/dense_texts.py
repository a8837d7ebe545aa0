"""Texts of which a part is personal data, each value valid by its check digit; and hostile ones."""

import random
from collections.abc import Callable
from typing import Final

from bench.privacy.clean_texts import clean_text
from services.privacy.detect.pii.checks import passes_luhn

_FIRST: Final = ("ann", "bob", "carla", "dmitri", "elena", "farid", "grace", "hugo", "ines", "jonas")
_LAST: Final = ("lee", "miller", "rossi", "petrov", "garcia", "khan", "novak", "silva", "weber", "dupont")


def dense_text(size: int, seed: int, share: float = 0.05) -> str:
    """Return about ``size`` characters of prose, of which ``share`` are values with their words."""
    rng = random.Random(f"dense/{seed}")  # noqa: S311 - texts of a seed
    lines = clean_text("prose", size, seed).split("\n")
    placed = 0
    while placed < share * size:
        value = rng.choice(_VALUES)(rng)
        place = rng.randrange(len(lines))
        lines[place] = f"{lines[place]} {value}"
        placed += len(value)
    return "\n".join(lines)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _card(rng: random.Random) -> str:
    start = f"4{_digits(rng, 14)}"
    number = next(start + last for last in "0123456789" if passes_luhn(start + last))
    return "card " + (" ".join(number[n : n + 4] for n in range(0, 16, 4)) if rng.random() < 0.5 else number)


def _iban(rng: random.Random) -> str:
    account = _digits(rng, 18)
    return f"IBAN DE{98 - int(f'{account}131400') % 97:02d}{account}"


_VALUES: Final[tuple[Callable[[random.Random], str], ...]] = (
    lambda rng: f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}{rng.randint(1, 99)}@example.org",
    lambda rng: f"call {rng.randint(200, 999)}-{rng.randint(200, 999)}-{_digits(rng, 4)}",
    lambda rng: f"+44 20 7946 {_digits(rng, 4)}",
    _card,
    _iban,
    lambda rng: f"SSN {rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
    lambda rng: f"from 81.{rng.randint(32, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
    lambda rng: f"https://www.example.com/{rng.choice(_LAST)}/{_digits(rng, 6)}",
    lambda rng: f"born on {rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1940, 2010)}",
    lambda rng: f"My name is {rng.choice(_FIRST).title()} {rng.choice(_LAST).title()}",
    lambda rng: f"at {rng.randint(1, 300)} {rng.choice(_LAST).title()} Street",
)

_HOSTILE: Final[dict[str, str]] = {
    "digits": "4" * 64 + " ",
    "card_like": "call 4945 8073 0215 7365 ",
    "phone_like": "phone +1 (202) 555-01",
    "e-mails": "a@b.c@d.e.",
    "dots": "1.1.1.1.",
    "colons": "a:b::c:",
    "hosts": "www.a.b-c.com.",
    "brackets": "((((1))))-",
    "letters": "AAAAaaaa",
    "words": "account routing iban card passport ssn my name is ",
    "names": "Dear Mr. Ann Bob Carla Dear ",
    "streets": "12 Ann Bob Street 5 ",
    "ibans": "DE89 3704 0044 0532 0130 01 ",
    "non_ascii": "жé字 5 ",
    "keys": "password=secret token: ",
    "urls": "https://a.b/?c=d&e=f ",
}


def hostile_texts(size: int) -> dict[str, str]:
    """Return texts of ``size`` characters that are near to a pattern at every place, by name."""
    return {name: (part * (size // len(part) + 1))[:size] for name, part in _HOSTILE.items()}
