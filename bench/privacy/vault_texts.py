"""Made-up texts with values of people, and a model that repeats tokens as models do: changed in many ways."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.privacy.tokens import ALPHABET

_SENTENCES: Final = (
    "please write to the customer about this order and call again on Monday because an account was closed",
    "before they could tell Emily that the telephone and key data were lost",
    "natürlich bitte é ß 漢字 привет 🙂 EML TEL _ -- ** `x`",
)
_WORDS: Final = [word for sentence in _SENTENCES for word in sentence.split()]
_KINDS: Final = ("email", "phone", "card", "iban", "name", "address", "password", "api_key")


def value_of(draw: random.Random, kind: str) -> str:
    """Return a made-up value: of any characters, since a vault must not care."""
    number = draw.randrange(10**9)
    if kind == "email":
        return f"user{number}@mail{number % 97}.example"
    if kind in ("phone", "card"):
        return " ".join(f"{draw.randrange(10_000):04d}" for _ in range(4))
    if draw.random() < 0.2:
        return "".join(draw.choices(string.printable + "äöü漢\u200b\ud83d\ude42", k=draw.randint(1, 60)))
    return f"{kind} {number}"


@dataclass(frozen=True)
class Piece:
    """A part of a text: words, or a value of a kind."""

    text: str
    kind: str = ""


def text_of(draw: random.Random, values: int) -> list[Piece]:
    """Return a text with so many values in it."""
    pieces = [Piece(_prose(draw))]
    for _ in range(values):
        kind = draw.choice(_KINDS)
        pieces += (Piece(value_of(draw, kind), kind), Piece(_prose(draw)))
    return pieces


def _prose(draw: random.Random) -> str:
    gap = draw.choice((" ", " ", "\n", ", "))
    return gap + " ".join(draw.choices(_WORDS, k=draw.randint(1, 12))) + gap


Change = Callable[[random.Random, str], str]


def _inserted(*between: str) -> Change:
    def change(draw: random.Random, token: str) -> str:
        place = draw.randint(1, len(token) - 1)
        return token[:place] + draw.choice(between) + token[place:]

    return change


def _grouped(separator: str) -> Change:
    def change(draw: random.Random, token: str) -> str:
        del draw
        head, _, body = token.partition("_")
        return separator.join([head, *(body[at : at + 4] for at in range(0, len(body), 4))])

    return change


def _around(*marks: str) -> Change:
    def change(draw: random.Random, token: str) -> str:
        mark = draw.choice(marks)
        return f"{mark}{token}{mark}"

    return change


def _mixed_case(draw: random.Random, token: str) -> str:
    return "".join(letter.lower() if draw.random() < 0.5 else letter for letter in token)


def _alike(draw: random.Random, token: str) -> str:
    del draw
    return token.replace("0", "O").replace("1", "l")


#: What leaves a token readable: case, spaces, breaks, hyphens, quotes, Markdown, escapes, a lost underscore.
HARMLESS: Final[dict[str, Change]] = {
    "as it is": lambda _, token: token,
    "lower": lambda _, token: token.lower(),
    "title": lambda _, token: token.title(),
    "mixed case": _mixed_case,
    "space": _inserted(" ", "  ", "\u00a0"),
    "break": _inserted("\n", "\r\n", "\n> ", "-\n"),
    "hyphen": _inserted("-", "\u2011", "\u2013"),
    "zero width": _inserted("\u200b", "\u00ad", "\u2060"),
    "groups of four": _grouped(" "),
    "hyphens of four": _grouped("-"),
    "spaced out": lambda _, token: " ".join(token),
    "emphasis": _around("**", "*", "_", "`", "~~"),
    "emphasis inside": _inserted("**", "*"),
    "quotes": _around('"', "'", "\u201c", "«", '\\"'),
    "no underscore": lambda _, token: token.replace("_", "", 1),
    "escaped underscore": lambda _, token: token.replace("_", "\\_", 1),
    "space for underscore": lambda _, token: token.replace("_", " ", 1),
    "letters alike": _alike,
}


def _dropped(draw: random.Random, token: str) -> str:
    place = draw.randint(4, len(token) - 1)
    return token[:place] + token[place + 1 :]


def _replaced(draw: random.Random, token: str) -> str:
    place = draw.randint(4, len(token) - 1)
    return token[:place] + draw.choice(ALPHABET.replace(token[place], "")) + token[place + 1 :]


def _swapped(draw: random.Random, token: str) -> str:
    places = [at for at in range(4, len(token) - 1) if token[at] != token[at + 1]]
    place = draw.choice(places)
    return token[:place] + token[place + 1] + token[place] + token[place + 2 :]


def _doubled(draw: random.Random, token: str) -> str:
    place = draw.randint(4, len(token) - 1)
    return token[:place] + token[place] + token[place:]


def _cut(draw: random.Random, token: str) -> str:
    return token[: draw.randint(10, len(token) - 1)]


def _other_kind(draw: random.Random, token: str) -> str:
    return draw.choice([code for code in ("TEL", "EML", "CRD", "NAM") if not token.startswith(code)]) + token[3:]


def _invented(draw: random.Random, token: str) -> str:
    return f"{token[:4]}{''.join(draw.choices(ALPHABET, k=len(token) - 4))}"


#: What destroys a token, so that nothing may be put in its place.
HARMFUL: Final[dict[str, Change]] = {
    "dropped": _dropped,
    "replaced": _replaced,
    "swapped": _swapped,
    "doubled": _doubled,
    "cut": _cut,
    "other kind": _other_kind,
    "invented": _invented,
}
