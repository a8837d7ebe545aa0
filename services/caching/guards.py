"""What two texts must have in common, whatever a model says of their likeness: the guards of semantic hits.

Vectors hardly see a ``not``, another number, name, date or unit, and these change the answer. So the facts of both
texts are read by rules and must be equal. A rule that sees a difference where there is none costs a call, no more.
The words are those of ``lexicon.json``, which is English.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

_WORD = re.compile(r"[^\W_]+(?:[.,:/\-'’_@&+][^\W_]+)*[%°€$£#+]?|[€$£]", re.UNICODE)
_NUMBER = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?)(?P<rest>[a-zA-Z°%µ/]*)")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_APOSTROPHE = str.maketrans({"’": "'"})

_LEXICON: dict[str, Any] = json.loads((Path(__file__).parent / "lexicon.json").read_text("utf-8"))


def _by_word(groups: dict[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, words in groups.items() for word in (meaning, *words.split())}


_NUMBERS: dict[str, int] = _LEXICON["numbers"]
_MONTHS: list[str] = _LEXICON["months"].split()
_MONTH = {name[:length]: n for n, name in enumerate(_MONTHS, 1) for length in (3, 4, len(name)) if name != "may"}
_DATES = _by_word(_LEXICON["dates"])
_ORDINALS = frozenset(_LEXICON["ordinals"].split())
_UNITS = {word: unit for word, unit in _by_word(_LEXICON["units"]).items() if word not in _NUMBERS}
#: Letters that are words as well.
_ONLY_AFTER_NUMBERS = frozenset(_LEXICON["only_after_numbers"].split())
_NEGATIONS = frozenset(_LEXICON["negations"].split())
#: Words whose opposites are as alike as synonyms: ``3+`` and ``3-`` are opposite.
_POLE = {
    word: f"{n}{sign}"
    for n, pair in enumerate(_LEXICON["poles"])
    for sign, side in zip("+-", pair, strict=True)
    for word in side.split()
}
#: Words that begin sentences with a capital and are no names.
_STARTERS = frozenset(_LEXICON["starters"].split())


class Facts(NamedTuple):
    """What a text says that must not differ; all as multisets or sets of canonical forms."""

    negated: int
    poles: frozenset[str]
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    units: frozenset[str]
    names: frozenset[str]


def veto(one: str, other: str) -> str | None:
    """Return which facts of two texts differ (``negation``, ``number``, ``date``, ``unit``, ``name``), or ``None``."""
    a, b = facts_of(one), facts_of(other)
    if a.negated != b.negated or _are_opposite(a.poles, b.poles):
        return "negation"
    if a.dates != b.dates:
        return "date"
    if a.numbers != b.numbers:
        return "number"
    if a.units != b.units:
        return "unit"
    return "name" if _names_differ(one, other, a.names, b.names) else None


def facts_of(text: str) -> Facts:
    """Read the facts of a text."""
    text = _ISO.sub(lambda m: f"{m[1]} {_MONTHS[min(max(int(m[2]), 1), 12) - 1]} {m[3]}", text.translate(_APOSTROPHE))
    read = _Reading()
    begins = True
    for match in _WORD.finditer(text):
        if match.start() and text[: match.start()].rstrip()[-1:] in (".", "?", "!", "\n"):
            begins = True
        read.word(match.group(), begins=begins)
        begins = False
    return read.facts()


class _Reading:
    """Collects the facts of one text, word by word."""

    def __init__(self) -> None:
        self._negations = 0
        self._poles: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._dates: Counter[str] = Counter()
        self._units: set[str] = set()
        self._names: set[str] = set()
        self._after_number = False

    def word(self, word: str, *, begins: bool) -> None:
        """Take one word; ``begins``: it is the first of its sentence."""
        lower = word.lower().removesuffix("'s")
        after_number, self._after_number = self._after_number, False
        if lower in _NEGATIONS or lower.endswith("n't") or lower == "wont":
            self._negations += 1
        if lower in _POLE:
            self._poles.add(_POLE[lower])
        if self._number(lower) or self._date(word, lower, begins=begins):
            return
        if lower in _UNITS and (after_number or lower not in _ONLY_AFTER_NUMBERS):
            self._units.add(_UNITS[lower])
        elif _is_name(word, lower, begins=begins):
            self._names.add(lower)

    def facts(self) -> Facts:
        """Return what was read."""
        return Facts(
            self._negations % 2 if self._negations < 2 else self._negations,
            frozenset(self._poles),
            tuple(sorted(self._numbers.elements())),
            tuple(sorted(self._dates.elements())),
            frozenset(self._units),
            frozenset(self._names),
        )

    def _number(self, lower: str) -> bool:
        parts = lower.strip("$€£#").split("-")
        if all(part in _NUMBERS for part in parts):
            self._numbers[str(sum(_NUMBERS[part] for part in parts))] += 1
            self._after_number = True
            return True
        found = _NUMBER.fullmatch(lower.strip("$€£#+"))
        if found is None:
            return False
        self._numbers[found["number"].replace(",", "").removesuffix(".0").lstrip("0") or "0"] += 1
        for sign in lower:
            if sign in "$€£":
                self._units.add(_UNITS[sign])
        rest = found["rest"]
        if rest and rest not in _ORDINALS:
            self._units.add(_UNITS.get(rest, rest))
        self._after_number = True
        return True

    def _date(self, word: str, lower: str, *, begins: bool) -> bool:
        if lower in _MONTH or (word == "May" and not begins):
            self._dates[f"month {_MONTH.get(lower, 5)}"] += 1
        elif lower in _DATES:
            self._dates[_DATES[lower]] += 1
        else:
            return False
        return True


def _is_name(word: str, lower: str, *, begins: bool) -> bool:
    """Tell a name: a capital that no sentence begins with, or a mark that common words have not."""
    if any(sign.isdigit() or sign in "_@/" for sign in word) or any(sign.isupper() for sign in word[1:]):
        return True
    return word[:1].isupper() and not (begins or lower in _STARTERS or len(word) == 1)


def _are_opposite(a: frozenset[str], b: frozenset[str]) -> bool:
    return any(f"{pole[:-1]}{'-' if pole[-1] == '+' else '+'}" in b and pole not in b for pole in a)


def _names_differ(one: str, other: str, a: frozenset[str], b: frozenset[str]) -> bool:
    """Compare names. In a text without capitals any word may be one, so there all that are not common must be equal.

    A name that begins the other text has no capital that tells; so it is enough that the text has the word.
    """
    words = [_words(text) for text in (one, other)]
    if one.islower() or other.islower():
        return words[0] - _STARTERS != words[1] - _STARTERS
    return bool((a - words[1]) or (b - words[0]))


def _words(text: str) -> set[str]:
    found = {match.group().lower().removesuffix("'s") for match in _WORD.finditer(text)}
    return {word for word in found if not _is_fact(word)}


def _is_fact(word: str) -> bool:
    """Tell words that the other rules compare in whatever form they are written."""
    return word in _NUMBERS or word in _UNITS or word in _MONTH or _NUMBER.fullmatch(word.strip("$€£#+")) is not None
