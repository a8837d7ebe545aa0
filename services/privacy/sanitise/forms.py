"""The canonical form of a text: one spelling for what looks the same, with the way back to the original."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final

from services.privacy.sanitise.confusables import folds
from services.privacy.sanitise.invisible import INVISIBLE, strip_ansi_parts
from services.privacy.sanitise.offsets import Offsets, PerCharacter, Same

#: Marks that go on any letter. Those of Arabic, Hebrew, Thai and the scripts of India are letters of these scripts.
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f"
_MARK: Final = re.compile(f"[{_MARKS}]")
_MARKED: Final = re.compile(f"[^{_MARKS}][{_MARKS}]+|[{_MARKS}]+")
#: A letter of an alphabet has one or two marks (Vietnamese, polytonic Greek has three, already composed).
_MOST_MARKS: Final = 2
_LETTERS: Final = "0-9A-Za-z\u00aa-\u1fff\u2070-\u2fff\u3040-\ufdff\ufe70-\U0010ffff"
_OTHERS: Final = "\u00aa-\u1fff\u2070-\u2fff\u3040-\U0010ffff"
# A word is tried at its first character only, so a long one is read once.
_WORD: Final = re.compile(f"(?<![{_LETTERS}])[0-9A-Za-z]*[{_OTHERS}][{_LETTERS}]*")
#: A word of two scripts has an ASCII letter beside another one, or a digit or mark between them.
_MIXED: Final = re.compile(f"[A-Za-z][0-9\u0300-\u036f]{{0,9}}[{_OTHERS}]|[{_OTHERS}][0-9\u0300-\u036f]{{0,9}}[A-Za-z]")
_ASCII_LETTER: Final = re.compile("[A-Za-z]")
#: Ligatures of whole phrases stay: one of them is eighteen letters, and a text of them would be eighteen texts.
_MOST_PARTS: Final = 4
#: Words of fewer letters than this are not worth another layer.
_WORD_CHARS: Final = 4
_LATIN_END: Final = 0x250


def canonical(text: str) -> tuple[str, Offsets]:
    """Return the text in its canonical form, and where its characters stand in ``text``.

    Compatibility forms are normalised (NFKC), invisible characters and terminal sequences removed, tag letters decoded,
    marks dropped that make no letter of an alphabet, digits of all scripts are ASCII digits, and what looks like ASCII
    becomes ASCII: signs always, letters in words that have ASCII letters too, and words of lookalikes only, as long as
    the text has no other word in their script. So a text in Russian or Greek stays what it is. Case stays.
    """
    if "\x1b" in text:
        return _by_parts(text, strip_ansi_parts(text))
    if text.isascii():
        return (INVISIBLE.sub("", text), PerCharacter(_removed(text))) if INVISIBLE.search(text) else (text, Same())
    others = _others(text)
    changed = {one: to for one in others if (to := _plain(one)) != one}
    if any(len(to) != 1 for to in changed.values()) or any(map(_MARK.match, others)) or INVISIBLE.search(text):
        return _by_parts(text, list(text))
    return _fold_words(_replaced(text, changed)), Same()


def folded(canonical_text: str) -> str | None:
    """Return a canonical text with every letter that looks like an ASCII letter as that letter, without accents.

    Its characters stand where they stood. ``None`` when no word would change that rules could read.
    """
    others = _others(canonical_text)
    changed = {one: to for one in others if (to := _bare(one)) != one}
    accented = any(ord(one) < _LATIN_END or 0x1E00 <= ord(one) < 0x1F00 for one in changed)
    if not changed or not (accented or _lookalike_words().search(canonical_text)):
        return None
    return canonical_text.translate({ord(one): to for one, to in changed.items()})


def _others(text: str) -> set[str]:
    return {one for one in set(text) if one > "\x7f"}


def _by_parts(text: str, parts: list[str]) -> tuple[str, Offsets]:
    known = {one: _plain(one) for one in set(text)}
    parts = [known[part] if part else part for part in parts]
    if _MARK.search(text):
        _compose(text, parts)
    return _fold_words("".join(parts)), PerCharacter(parts)


def _compose(text: str, parts: list[str]) -> None:
    for found in _MARKED.finditer(text):
        start, end = found.span()
        marked = 0 if _MARK.match(text, start) else 1
        if marked:
            whole = found[0] if end - start <= 1 + _MOST_MARKS else text[start]
            composed = unicodedata.normalize("NFKC", whole)
            parts[start] = composed if len(composed) == 1 else parts[start]
        parts[start + marked : end] = [""] * (end - start - marked)


def _fold_words(text: str) -> str:
    letters = folds().letters
    others = _others(text)
    if others.isdisjoint(letters):
        return text
    native = {_script(one) for one in others if one not in letters and ord(one) >= 0x370 and one.isalpha()}
    foldable = others.intersection(letters)
    table = {ord(one): letters[one] for one in foldable}
    if native.issuperset(map(_script, foldable)) and not _MIXED.search(text):
        return text

    def fold(found: re.Match[str]) -> str:
        word = found[0]
        if _ASCII_LETTER.search(word) or (
            _is_lookalike(word, letters) and native.isdisjoint(_script(one) for one in word if one in letters)
        ):
            return word.translate(table)
        return word

    return _WORD.sub(fold, text)


@cache
def _lookalike_words() -> re.Pattern[str]:
    letters = "".join(folds().letters)
    return re.compile(f"(?<![{_LETTERS}])[{letters}]{{{_WORD_CHARS},}}(?![{_LETTERS}])")


def _is_lookalike(word: str, letters: dict[str, str]) -> bool:
    return all(one in letters or one.isascii() for one in word)


def _replaced(text: str, changed: dict[str, str]) -> str:
    if len(changed) > 8:
        return text.translate({ord(one): to for one, to in changed.items()})
    for one, to in changed.items():
        text = text.replace(one, to)
    return text


def _removed(text: str) -> list[str]:
    return ["" if INVISIBLE.match(one) else one for one in text]


@cache
def _plain(one: str) -> str:
    """Return what a character is on its own."""
    code = ord(one)
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000)
    if INVISIBLE.match(one):
        return ""
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if unicodedata.category(one) == "Nd":
        return str(unicodedata.digit(one))
    signs, normal = folds().signs, unicodedata.normalize("NFKC", one)
    if len(normal) > _MOST_PARTS:
        return one
    return "".join(signs.get(part, part) for part in _without_marks(normal))


def _without_marks(normal: str) -> Iterable[str]:
    # Spacing accents normalise to a space and a mark.
    return normal if len(normal) == 1 else (part for part in normal if not _MARK.match(part))


@cache
def _bare(one: str) -> str:
    parts = unicodedata.normalize("NFD", one)
    base = parts[0]
    if not all(map(unicodedata.combining, parts[1:])):
        return one
    return folds().all.get(base, base)


@cache
def _script(one: str) -> str:
    return unicodedata.name(one, "").partition(" ")[0]
