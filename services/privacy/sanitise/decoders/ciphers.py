"""Texts written in other alphabets, backwards, spaced, in leet, in Morse, in Braille, in words of NATO."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import re2

from services.privacy.sanitise.decoders.hints import ATBASH, LONG_WORDS, NATO, ROT47, SHORT_WORDS, SMALL_WORDS, shifted
from services.privacy.sanitise.decoders.hints import backwards as backwards_of
from services.privacy.sanitise.decoders.runs import Decoded, in_place
from services.privacy.sanitise.offsets import Piece, Pieces, Reversed, Same

_WORDS: Final = re.compile(r"[A-Za-z]+")
#: Words of a cipher this far from each other are of one part, which is as much longer.
_PART_GAP: Final = 160
#: A text of so many characters is one part.
_WHOLE_CHARS: Final = 2000
_NOT_SPACE: Final = re.compile(r"\S{2,}")
_LETTERS: Final = 26
_ATBASH, _REVERSED = "atbash", "reversed"
_LONG, _SHORT, _SMALL = 2.0, 1.0, 0.5
#: A part is in a cipher when it has this much of it, or when this share of all words is in it.
_ENOUGH, _SHARE = 2.0, 0.2


@cache
def _ciphered() -> dict[str, list[tuple[str, float]]]:
    """Return words in every cipher: by what is written, the ciphers that it is a word in, and what that counts."""
    words: dict[str, list[tuple[str, float]]] = {}
    makes: dict[str, Callable[[str], str]] = {
        f"rot{_LETTERS - by}": partial(shifted, by=by) for by in range(1, _LETTERS)
    }
    makes |= {_ATBASH: lambda word: word.translate(ATBASH), _REVERSED: backwards_of}
    for name, make in makes.items():
        for listed, worth in ((LONG_WORDS, _LONG), (SHORT_WORDS, _SHORT), (SMALL_WORDS, _SMALL)):
            for word in listed:
                words.setdefault(make(word), []).append((name, worth))
    for word in (*LONG_WORDS, *SHORT_WORDS, *SMALL_WORDS):
        words.pop(word, None)
    return words


def alphabets(text: str) -> Iterator[Decoded]:
    """Yield the parts of a text that have English words in a shifted or mirrored alphabet, or backwards."""
    known = _ciphered()
    parts: dict[str, list[_Part]] = {}
    words = 0
    for found in _WORDS.finditer(text.lower()):
        words += 1
        for name, worth in known.get(found[0], ()):
            those = parts.setdefault(name, [])
            if not those or found.start() - those[-1].end > _PART_GAP:
                those.append(_Part(found.start()))
            those[-1].end = found.end()
            those[-1].score += worth
    for name, those in parts.items():
        sure = [part for part in those if part.score >= _ENOUGH or _SHORT <= part.score >= _SHARE * words]
        if sure:
            yield from _in_cipher(name, text, [(0, len(text))] if len(text) <= _WHOLE_CHARS else _wide(text, sure))


@dataclass
class _Part:
    start: int
    end: int = 0
    score: float = 0


def _wide(text: str, parts: list[_Part]) -> list[tuple[int, int]]:
    """Return the places of parts with what stands around them, those that touch as one."""
    wide: list[tuple[int, int]] = []
    for part in parts:
        start, end = max(0, part.start - _PART_GAP), min(len(text), part.end + _PART_GAP)
        if wide and start <= wide[-1][1]:
            start = wide.pop()[0]
        wide.append((start, end))
    return wide


def _in_cipher(name: str, text: str, places: list[tuple[int, int]]) -> Iterator[Decoded]:
    if name != _REVERSED:
        table = ATBASH if name == _ATBASH else _shift(int(name.removeprefix("rot")))
        runs = [Piece(start, end, text[start:end].translate(table), exact=True) for start, end in places]
        yield Decoded(name, "\n".join(run.text for run in runs), Pieces(_parted(runs)))
        return
    if places == [(0, len(text))]:
        yield Decoded(name, text[::-1], Reversed(len(text)))
    else:
        turned = [Piece(start, end, text[start:end][::-1]) for start, end in places]
        yield Decoded(name, "\n".join(run.text for run in turned), Pieces(_parted(turned)))
    words = [Piece(*one.span(), one[0][::-1]) for start, end in places for one in _NOT_SPACE.finditer(text, start, end)]
    decoded = in_place("reversed-words", text, words)
    if decoded is not None:
        yield decoded


def _parted(runs: list[Piece]) -> list[Piece]:
    """Return pieces with a line's end between each two."""
    parted = [one for run in runs for one in (run, Piece(run.end, run.end, "\n"))]
    return parted[:-1]


@cache
def _shift(by: int) -> dict[int, int]:
    plain = "".join(map(chr, [*range(65, 91), *range(97, 123)]))
    return str.maketrans(plain, shifted(plain, by))


_LONG_WORD: Final = re.compile("|".join(LONG_WORDS))


@cache
def _rot47_words() -> Any:
    return re2.compile("|".join(re2.escape(word.translate(ROT47)) for word in LONG_WORDS))


def rot47(text: str) -> Iterator[Decoded]:
    """Yield the text with every printable character shifted by half of them."""
    if _rot47_words().search(text) is not None:
        yield Decoded("rot47", text.translate(ROT47), Same())


_SPACED: Final = re.compile(r"(?<![A-Za-z0-9])\w(?:[ .\-_*|/+]{1,3}[^\W_]|[ ]{1,3}[^\w\s]){5,}(?![A-Za-z0-9])")
_GAPS: Final = re.compile(r"(.)([ .\-_*|/+]{1,3}(?=[^\W_])|[ ]{1,3})")


def spaced(text: str) -> Iterator[Decoded]:
    """Yield the text with letters together that have a space or a mark between each two of them."""
    runs = [Piece(*found.span(), _together(found[0])) for found in _SPACED.finditer(text)]
    decoded = in_place("spaced", text, runs)
    if decoded is not None:
        yield decoded


def _together(run: str) -> str:
    # More than one mark, or a space among other marks, stands between words.
    gaps = Counter(gap for _, gap in _GAPS.findall(run))
    usual = gaps.most_common(1)[0][0] if gaps else " "
    return _GAPS.sub(lambda one: one[1] + ("" if one[2] == usual else _gap(one[2], usual)), run)


def _gap(gap: str, usual: str) -> str:
    """Return what an unusual gap is: between words, or a sign among letters."""
    if gap.isspace() or gap.strip() == usual.strip() or (not usual.isspace() and gap.strip() in {"|", "/"}):
        return " "
    return gap.strip()


_LEET: Final = re.compile(
    r"(?<![A-Za-z0-9@$!|])(?=[a-z@$!|]{0,12}[0-9@$!|])(?=[0-9@$!|]{0,6}[a-z])[a-z0-9@$!|]{3,20}(?![\w@])", re.IGNORECASE
)
_DIGITS: Final = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t"}
_SIGNS: Final = _DIGITS | {"@": "a", "$": "s", "!": "i", "|": "l", "8": "b", "9": "g"}
_LEET_TABLES: Final = (str.maketrans(_DIGITS), str.maketrans(_SIGNS), str.maketrans(_SIGNS | {"1": "l"}))
_LEAST_LEET: Final = 2
#: Characters between two words in leet of one sentence.
_LEET_GAP: Final = 24
_KNOWN: Final = frozenset((*LONG_WORDS, *SHORT_WORDS, *SMALL_WORDS))


def leet(text: str) -> Iterator[Decoded]:
    """Yield the parts of a text that are written so, with digits and marks as the letters that they look like."""
    parts = [part for part in _parts(text) if _is_leet(text[part[0] : part[1]])]
    for table in _LEET_TABLES if parts else ():
        runs = [Piece(start, end, text[start:end].translate(table)) for start, end in parts]
        decoded = in_place("leet", text, runs)
        if decoded is not None:
            yield decoded


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where words in leet follow each other, with what is between them."""
    start = end = -1
    for found in _LEET.finditer(text):
        if end >= 0 and found.start() - end > _LEET_GAP:
            yield start, end
            start = found.start()
        elif end < 0:
            start = found.start()
        end = found.end()
    if end >= 0:
        yield start, end


def _is_leet(part: str) -> bool:
    words = [word.lower() for word in _LEET.findall(part)]
    if len(words) < _LEAST_LEET:
        return False
    written = " ".join(words)
    read = [written.translate(table) for table in _LEET_TABLES]
    return any(_LONG_WORD.search(one) or len(_KNOWN.intersection(one.split(" "))) >= _LEAST_LEET for one in read)


_MORSE_CODES: Final = (
    "A.- B-... C-.-. D-.. E. F..-. G--. H.... I.. J.--- K-.- L.-.. M-- N-. O--- P.--. Q--.- R.-. S... T- U..- V...- "
    "W.-- X-..- Y-.-- Z--.. 1.---- 2..--- 3...-- 4....- 5..... 6-.... 7--... 8---.. 9----. 0----- ..-.-.- ,--..-- "
    "?..--.. '.----. !-.-.-- /-..-. (-.--. )-.--.- &.-... :---... ;-.-.-. =-...- +.-.-. --....- _..--.- @.--.-."
)
MORSE: Final = {code[1:]: code[0] for code in _MORSE_CODES.split()} | {"/": " ", "|": " "}
_MORSE_RUN: Final = re.compile(r"(?:[.-]{1,6}(?:[ ]{0,3}[/|][ ]{0,3}|[ ]{1,7}|\r?\n)){5,}[.-]{1,6}")


def morse(text: str) -> Iterator[Decoded]:
    """Yield what runs of Morse code say (ITU-R M.1677-1); words are parted by a slash, a bar or wide spaces."""
    runs = []
    for found in _MORSE_RUN.finditer(text):
        signs = re.sub(r"[ ]{3,}|\r?\n", " / ", found[0]).replace("/", " / ").replace("|", " / ").split()
        if all(sign in MORSE for sign in signs):
            runs.append(Piece(*found.span(), re.sub(" {2,}", " ", "".join(MORSE[sign] for sign in signs)).lower()))
    decoded = in_place("morse", text, runs)
    if decoded is not None:
        yield decoded


#: The letters a to z in Braille, as dots of U+2800; then the signs of English Braille that texts have.
BRAILLE: Final = dict(
    zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠲⠂⠤⠌⠖⠦⠒⠰⠄⠶⠀", "abcdefghijklmnopqrstuvwxyz.,-/!?:;'( ", strict=True)
)
_BRAILLE_DIGITS: Final = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚", "1234567890", strict=True))
_BRAILLE_RUN: Final = re.compile("[\u2800-\u28ff][\u2800-\u28ff \n]+")
_CAPITAL, _NUMBER = "\u2820", "\u283c"


def braille(text: str) -> Iterator[Decoded]:
    """Yield what runs of Braille cells say, uncontracted."""
    runs = [Piece(*found.span(), _of_braille(found[0])) for found in _BRAILLE_RUN.finditer(text)]
    decoded = in_place("braille", text, runs)
    if decoded is not None:
        yield decoded


def _of_braille(run: str) -> str:
    out: list[str] = []
    capital = number = False
    for cell in run:
        if cell in (_CAPITAL, _NUMBER):
            capital, number = cell == _CAPITAL, number or cell == _NUMBER
            continue
        number = number and cell in _BRAILLE_DIGITS
        read = _BRAILLE_DIGITS[cell] if number else BRAILLE.get(cell, cell)
        out.append(read.upper() if capital else read)
        capital = False
    return "".join(out)


_NATO_RUN: Final = re.compile(rf"(?i)\b(?:{'|'.join(NATO)})(?:[^\w\n]{{1,3}}(?:{'|'.join(NATO)}|\d)\b){{3,}}")


def nato(text: str) -> Iterator[Decoded]:
    """Yield what words of the NATO alphabet spell."""
    runs = [
        Piece(
            *found.span(), "".join(NATO.get(word, word) for word in re.findall(r"[a-z]+(?:-ray)?|\d", found[0].lower()))
        )
        for found in _NATO_RUN.finditer(text)
    ]
    decoded = in_place("nato", text, runs)
    if decoded is not None:
        yield decoded
