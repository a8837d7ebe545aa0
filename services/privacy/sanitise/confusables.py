"""Characters that look like ASCII, as the Unicode Consortium lists them (UTS 39, confusables, Unicode 17).

``confusables.json`` has, for each ASCII text, the code points that fold to it: ``skeletons`` are those of UTS 39 that
NFKC does not fold already, with two changes, since a canonical text is read by rules and not only compared: decimal
digits fold to their value, and capital letters whose skeleton is ``l`` fold to ``I``. ``names`` are letters that are
ASCII letters by their names in the Unicode Character Database: with strokes, hooks, turned, small capitals, in circles.
"""

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_FILE: Final = Path(__file__).with_name("confusables.json")
#: Letters before this are those of European alphabets, which are what they look like.
_AFTER_LATIN: Final = 0x250


class Folds(NamedTuple):
    """What folds when: ``signs`` everywhere, ``letters`` inside words that also have ASCII letters.

    ``all`` are both, and the letters of European alphabets.
    """

    signs: dict[str, str]
    letters: dict[str, str]
    all: dict[str, str]


@cache
def folds() -> Folds:
    """Return the table, read from its file at the first call."""
    listed = json.loads(_FILE.read_bytes())
    every = {
        chr(int(code, 16)): target
        for table in (listed["names"], listed["skeletons"])
        for target, codes in table.items()
        for code in codes.split()
    }
    signs = {one: target for one, target in every.items() if _is_sign(one, target)}
    alike = {one: target for one, target in every.items() if one not in signs and target.isalnum()}
    letters = {one: target for one, target in alike.items() if ord(one) >= _AFTER_LATIN}
    return Folds(signs, letters, signs | alike)


def _is_sign(one: str, target: str) -> bool:
    category = unicodedata.category(one)
    # Digits have a value, so they are no letters of a language; letters in circles and flags are drawings.
    return category in {"Nd", "So"} or (not target.isalnum() and category[0] in "PSZ")
