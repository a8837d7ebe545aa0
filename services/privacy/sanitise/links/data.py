"""Whether a URL carries data: in its query, path, fragment, name of the host or user."""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterator
from enum import IntEnum
from typing import Final
from urllib.parse import unquote, unquote_plus

from services.privacy.sanitise.decoders.runs import readable
from services.privacy.sanitise.links.urls import MESSAGES, Url


class Carried(IntEnum):
    """How sure it is that a URL carries data away, from not at all."""

    NOTHING = 0
    #: Words, or a token that may be anything.
    SOME = 1
    #: A long token that no service's links for pictures have.
    OPAQUE = 2
    #: A text that somebody encoded, values under a name such as ``secret``, or a place where a model is to put some.
    PLAIN = 3


#: Names of parameters under which data is taken away, and which nothing else has.
_ALWAYS: Final = re.compile(
    r"^(?:.*[_-])?(?:data|secrets?|passw(?:or)?d|exfil\w*|leak\w*|stolen|steal|loot|dump|payload|conversation|chat|history|"
    r"context|messages?|prompt|system|memory|cookies?|ssn|credentials?|creds|private|apikey|api_key|card|b64)$"
)
#: Where a model, or code, is to put a value.
_PLACEHOLDER: Final = re.compile(
    r"\{\{?[^{}\n]{1,80}\}\}?|\$\{[^{}\n]{1,80}\}|\$\([^()\n]{1,80}\)|<[A-Za-z_][\w .-]{2,60}>"
    r"|\[[A-Za-z_][\w .'-]{2,60}\]"
    r"|%7B[^%\n]{1,60}%7D|%5B[A-Z][A-Z_]{2,40}%5D|%3C[\w%-]{3,60}%3E|\b(?:BASE64|ENCODE|URLENCODE|HEX)\("
    r"|\b[A-Z]+(?:_[A-Z]+)*_HERE\b|\b(?:YOUR|USER|INSERT|SECRET|PRIVATE|CHAT|SYSTEM)(?:[_-][A-Z]+)+\b"
)
#: What such a place says when it takes what is private; honest templates have identifiers there.
_PRIVATE: Final = re.compile(
    r"(?i)secret|conversation|chat|histor|summar|context|prompt|passw|memor|private|ssn|card|credential|cookie|"
    r"(?:user|all|your|personal|customer)[ _-]?(?:data|info|message|input|text|detail)|e-?mails?\b|messages"
)
_INSTRUCTION: Final = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|(?:ENCODE|BASE64|HEX)\(|_HERE\b|^(?:YOUR|INSERT)\b")
#: Parameters by which pictures, fonts and signed files are requested.
_PICTURE_NAMES: Final = (
    "w h width height size sz fit crop auto format fm q quality v ver version s dpr cb ixlib ixid raw ref branch "
    "style logo logocolor label labelcolor color svg type t ts time date expires signature key-pair-id policy sig se "
    "sp sv sr spr st skoid sktid skt ske sks skv alt media family display subset hash rev lang locale theme text bg "
    "font jwt token access_token oh oe stp ccb ssl resize url dl gravatar default r f i n d id"
)
_OF_PICTURES: Final = re.compile(rf"(?:{_PICTURE_NAMES.replace(' ', '|')}|x-amz-.*|x-goog-.*|utm_\w+|_nc_\w+)")
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_BASE32: Final = re.compile(r"(?:[A-Z2-7]{16,}|[a-z2-7]{16,})")
_FILE: Final = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_WORDS: Final = re.compile(r"[^\W\d_]{2,}")
#: Bits per character above which a token is no word: those of hexadecimal digits are 4 at most.
_RANDOM_BITS: Final = 3.3
_LONG_TOKEN, _SHORT_TOKEN = 32, 16
_LONGEST_READ: Final = 16_384
_DIGITS: Final = re.compile(r"\d[\d -]{10,}\d")


def carried_by(url: Url) -> Carried:
    """Return what a URL carries, at the most."""
    if url.scheme == "data":
        return Carried.SOME
    place = _PLACEHOLDER.search(url.rest)
    if place is not None and (_PRIVATE.search(place[0]) or _INSTRUCTION.search(place[0])):
        return Carried.PLAIN
    if place is not None and "?" in url.rest[: place.start()]:
        return Carried.OPAQUE
    return max((_of_part(*part) for part in _parts(url)), default=Carried.NOTHING)


def _parts(url: Url) -> Iterator[tuple[str, str]]:
    """Yield where each part stands, ``query``, ``path``, ``fragment`` or ``host``, with its name, and the part."""
    path, _, fragment = url.rest[:_LONGEST_READ].partition("#")
    path, _, query = path.partition("?")
    for pair in re.split(r"[&;]", query):
        name, equals, value = pair.partition("=")
        yield (f"query {name.lower()}", value) if equals else ("query ", name)
    if url.user:
        yield "user ", url.user
    if fragment:
        yield "fragment ", fragment.removeprefix(":~:text=")
    if url.scheme not in MESSAGES:
        for segment in path.split("/"):
            yield "path ", segment
        for label in url.host.split(".")[:-2]:
            yield "host ", label


def _of_part(where: str, value: str) -> Carried:
    place, _, name = where.partition(" ")
    if len(value) < 4 or (len(value) < 6 and place != "query"):
        return Carried.NOTHING
    plain = unquote_plus(value) if place == "query" else unquote(value)
    if place == "query" and _ALWAYS.match(name):
        return Carried.PLAIN
    if _held(plain) is not None or (_DIGITS.fullmatch(plain) and _is_long_number(plain)):
        return Carried.PLAIN
    if place in {"path", "fragment"}:
        return _of_segment(place, plain)
    if place in {"host", "user"}:
        return Carried.OPAQUE if len(plain) >= _LONG_TOKEN and _is_token(plain) else Carried.NOTHING
    if _OF_PICTURES.fullmatch(name):
        return Carried.SOME if len(plain) >= _SHORT_TOKEN else Carried.NOTHING
    return Carried.OPAQUE if len(plain) >= _SHORT_TOKEN or "@" in plain or _is_token(plain) else Carried.SOME


def _of_segment(place: str, plain: str) -> Carried:
    bare = _FILE.sub("", plain)
    if " " in plain and len(_WORDS.findall(plain)) >= 4 and place == "path":
        return Carried.SOME
    if len(bare) >= _LONG_TOKEN and _is_token(bare):
        return Carried.OPAQUE if bare == plain and len(bare) > 2 * _LONG_TOKEN else Carried.SOME
    return Carried.NOTHING


def _is_long_number(plain: str) -> bool:
    digits = plain.replace(" ", "").replace("-", "")
    # Thirteen digits are often milliseconds.
    return 14 <= len(digits) <= 19


def _is_token(value: str) -> bool:
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _RANDOM_BITS and any(char.isdigit() for char in value) and " " not in value


def _held(value: str) -> str | None:
    """Return the text that a value is an encoding of, when it is one that people write."""
    bare = value.strip().replace(" ", "+")
    if _HEX.fullmatch(bare) and (text := readable(bytes.fromhex(bare))) is not None:
        return text
    if _BASE32.fullmatch(bare):
        upper = bare.upper()
        try:
            text = readable(base64.b32decode(upper + "=" * (-len(upper) % 8)))
        except ValueError:
            text = None
        if text is not None:
            return text
    if not _ENCODED.fullmatch(bare):
        return None
    bare = bare.rstrip("=").replace("-", "+").replace("_", "/")
    return None if len(bare) % 4 == 1 else readable(base64.b64decode(bare + "=" * (-len(bare) % 4)), least=8)
