"""Tokens that stand for values: their form, and how to find them in what a model has made of them.

A token is ``EML_7K3M2QXWD4F5S``: the code of its kind (``schemas.privacy.kinds``), an underscore, 12 characters that
carry 60 bits, and one check character. The characters are Crockford's base 32 (no I, L, O, U), so nothing in a token
needs an escape in JSON or a URL, and a reader may take O for 0 and I or L for 1.

The check character is a weighted sum over GF(32) with powers of a primitive element as weights. Code and characters are
both under it: each single wrong character and each swap of two is refused, and 31 of 32 of everything else. What passes
by chance is one of 2**60 names, of which an organisation has a few: it is unknown, and stays as it is.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.privacy.kinds import KINDS

if TYPE_CHECKING:
    import re2

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Bits of a name that are shown.
BITS: Final = 60
BODY: Final = BITS // 5
#: The code of kinds that an organisation has of its own.
OWN_CODE: Final = "OWN"
#: At most so many characters between two of a token are overlooked.
MAX_GAP: Final = 10
#: White space, hyphens, a colon, Markdown's marks, escapes, soft hyphens and zero-width characters.
GAPS: Final = frozenset(
    " \t\n\r\f\v\u00a0\u2028\u2029_-*`~:\\>\u00ad\u200b\u200c\u200d\u2060\ufeff\u2010\u2011\u2012\u2013\u2014\u2015"
)

_CODES: Final = {one.code: one.name for one in KINDS.values()}
_FOLD: Final = str.maketrans("OIL", "011")
_VALUES: Final = {letter: number for number, letter in enumerate(ALPHABET)} | {"U": 27}
_SQUEEZE: Final = str.maketrans(
    {letter: letter.upper().translate(_FOLD) for letter in "abcdefghijklmnopqrstuvwxyzOIL"} | dict.fromkeys(GAPS)
)
_FOLDED: Final = {code.translate(_FOLD): code for code in (*_CODES, OWN_CODE)}
#: Gaps that are no white space, in a look-alike.
_MARKS: Final = r"[-*`~:\\\u00ad\u200b-\u200d\u2060\ufeff\u2010-\u2015]{0,3}"
_LOOKS: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join((*_CODES, OWN_CODE))}){_MARKS}_{_MARKS}"
    rf"(?=[A-Za-z]{{0,24}}[0-9])[0-9A-Za-z](?:{_MARKS}[0-9A-Za-z]){{5,23}}(?![A-Za-z0-9])",
    re.IGNORECASE,
)


class TokenSpan(NamedTuple):
    """A token at characters ``start`` to ``end`` of a text, in whichever way it is written there."""

    start: int
    end: int
    token: str


def code_of(kind: str) -> str:
    """Return how tokens show a kind."""
    known = KINDS.get(kind)
    return OWN_CODE if known is None else known.code


def kind_of(token: str) -> str:
    """Return the kind that a token shows; empty for one of an organisation's own kinds."""
    return _CODES.get(token.partition("_")[0], "")


def make(kind: str, bits: int) -> str:
    """Return the token of a kind for 60 bits."""
    code = code_of(kind)
    body = "".join(ALPHABET[bits >> shift & 31] for shift in range(BITS - 5, -5, -5))
    return f"{code}_{body}{_check(code + body)}"


def is_token(text: str) -> bool:
    """Return whether a text is exactly one token as ``make`` writes it."""
    return any(one.token == text for one in find(text))


def find(text: str) -> list[TokenSpan]:
    """Return everything in a text that may be a token, by its place: the check character is right.

    Letters may be of either case, and at most ``MAX_GAP`` characters of ``GAPS`` may be between any two. Two of the
    results may overlap, as in ``a DRV_...``, where ``ADR`` begins as well; which one there is, the vault knows.
    """
    found = list(_written(squeezed(text)))
    return _placed(text, found) if found else []


def mangled(text: str) -> list[str]:
    """Return what was a token and is none any more: a code, an underscore and a body that the check refuses.

    For reports: a person has to look at such a text. A token that lost its underscore as well, or has white space in
    it, is not among them; nor is one without any digit, since names of variables look like that.
    """
    looks = list(_LOOKS.finditer(text)) if "_" in text else []
    tokens = find(text) if looks else []
    return [
        one.group() for one in looks if not any(token.start < one.end() and one.start() < token.end for token in tokens)
    ]


def squeezed(text: str) -> str:
    """Return a text as tokens are looked for in it: without gaps, in capitals, O as 0, I and L as 1."""
    return _unescaped(text).translate(_SQUEEZE)


def significant(text: str) -> list[int]:
    """Return where each character of ``squeezed`` is in the text."""
    return [place for place, letter in enumerate(_unescaped(text)) if letter not in GAPS]


def is_close(places: Sequence[int]) -> bool:
    """Return whether no two neighbours of these places have more than ``MAX_GAP`` characters between them."""
    return all(after - before <= MAX_GAP + 1 for before, after in pairwise(places))


def _unescaped(text: str) -> str:
    """Return a text of the same length in which JSON's escapes of white space are white space."""
    if "\\" not in text:
        return text
    return text.replace("\\n", "  ").replace("\\r", "  ").replace("\\t", "  ")


def _placed(text: str, found: Iterable[tuple[int, str]]) -> list[TokenSpan]:
    places, spans = significant(text), list[TokenSpan]()
    for start, token in found:
        here = places[start : start + len(token) - 1]
        if is_close(here):
            spans.append(TokenSpan(here[0], here[-1] + 1, token))
    return spans


def _written(short: str) -> Iterator[tuple[int, str]]:
    # One byte a character, so that places stay what they are.
    data, pattern, start = short.encode("ascii", "replace"), _pattern(), 0
    while match := pattern.search(data, start):
        start = match.start() + 1
        code, body = _FOLDED[match[1].decode()], match[2].decode()
        if _check(code + body[:-1]) == body[-1]:
            yield match.start(), f"{code}_{body}"


def _check(text: str) -> str:
    total = 0
    for letter in text.translate(_FOLD):
        total = _TIMES_TWO[total ^ _VALUES[letter]]
    return ALPHABET[total]


#: In GF(32) with x^5 + x^2 + 1, of which 2 is a primitive element.
_TIMES_TWO: Final = tuple((one << 1) ^ (0b100101 if one & 16 else 0) for one in range(32))


@lru_cache(maxsize=1)
def _pattern() -> "re2._Regexp[bytes]":
    # RE2 costs a hundredth of the standard library's, and is loaded when a text is looked at, not before.
    import re2

    return re2.compile(f"({'|'.join(sorted(_FOLDED))})([{ALPHABET}]{{{BODY + 1}}})".encode())
