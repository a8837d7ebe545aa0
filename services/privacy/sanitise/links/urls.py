"""One URL: what a browser makes of how it is written, its host, and whether it carries data."""

import html
import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from services.privacy.sanitise.forms import canonical

#: Schemes that run or show what the URL itself holds. They have no host.
ACTIVE: Final = frozenset({"javascript", "vbscript", "data", "blob"})
#: Schemes that carry a message to an address.
MESSAGES: Final = frozenset({"mailto", "sms", "smsto", "tel", "xmpp", "sip", "sips"})
_SPECIAL: Final = frozenset({"http", "https", "ftp", "ws", "wss"})
# Browsers drop these wherever they stand in a URL (WHATWG URL, section 4.4).
_DROPPED: Final = re.compile(r"[\t\r\n]")
_DEFANGED: Final = (
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE), "."),
    (re.compile(r"\[:\]|\[://\]"), ":"),
)
_DOT_WORD: Final = re.compile(r"\s+dot\s+", re.IGNORECASE)
_SLASH_WORD: Final = re.compile(r"\s+slash\s+", re.IGNORECASE)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_HXXP: Final = re.compile(r"h(?:xx|\*\*|tt)p", re.IGNORECASE)
_HOST_END: Final = re.compile(r"[/?#]")
_HEX_NUMBER: Final = re.compile(r"0x[0-9a-f]+|[0-9]+")
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")


class Url(NamedTuple):
    """A URL as it acts. ``host`` is in lower case, ASCII where IDNA has a form for it, and empty where there is none.
    ``user`` is what stands before it.

    ``disguises`` name what hides where it leads: ``userinfo``, ``number`` (an IP address written as a number),
    ``punycode`` or ``lookalike``, ``escaped`` (encoded characters in scheme or host), ``split`` (white space inside).
    """

    text: str
    scheme: str
    host: str
    rest: str
    user: str = ""
    disguises: frozenset[str] = frozenset()


def url_of(written: str) -> Url | None:
    """Return the URL that a destination is; ``None`` for a relative one, which leads to where the text itself is."""
    disguises: set[str] = set()
    text = _plain(written, disguises)
    scheme, rest = _scheme(text)
    if scheme in ACTIVE or scheme in MESSAGES:
        host = rest.partition("?")[0].rpartition("@")[2].lower() if scheme in MESSAGES else ""
        return Url(f"{scheme}:{rest}", scheme, host, rest, disguises=frozenset(disguises))
    rest = rest.replace("\\", "/") if scheme in _SPECIAL or not scheme else rest
    if not scheme and not rest.startswith("//"):
        return None
    slashes = len(rest) - len(rest.lstrip("/"))
    if scheme not in _SPECIAL and slashes < 2:
        return None
    authority, after = _authority(rest.lstrip("/"))
    user, _, name = authority.rpartition("@")
    host = _host(name, disguises)
    if user:
        disguises.add("userinfo")
    if not host:
        return None
    scheme = scheme or "https"
    return Url(f"{scheme}://{host}{after}", scheme, host, after, user, frozenset(disguises))


def _plain(written: str, disguises: set[str]) -> str:
    """Return how a browser reads a destination: without entities, escapes, invisible characters and line ends."""
    text = canonical(written.strip())[0] if not written.isascii() else written.strip()
    if "&" in text and (plain := html.unescape(text)) != text:
        if ":" not in text.split("&", 1)[0]:
            disguises.add("escaped")
        text = plain
    if "\\" in text:
        text = _UNICODE_ESCAPE.sub(lambda one: chr(int(one[1] or one[2], 16)), text).replace("\\/", "/")
    if _DROPPED.search(text):
        disguises.add("split")
        text = _DROPPED.sub("", text)
    for pattern, plain in _DEFANGED:
        text = pattern.sub(plain, text)
    if " " in text:
        text = _DOT_WORD.sub(".", _SLASH_WORD.sub("/", text))
    return _HXXP.sub("http", text, count=1) if text[:1] in "hH" else text


def _scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.match(text)
    if found is None:
        return "", text
    return found[1].lower(), text[found.end() :]


def _authority(rest: str) -> tuple[str, str]:
    end = _HOST_END.search(rest)
    return (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])


def _host(host: str, disguises: set[str]) -> str:
    if "%" in host:
        disguises.add("escaped")
        host = unquote(host)
    host = _DOTS.sub(".", host).lower()
    host = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    host = host.strip(". ")
    number = _number(host)
    if number is not None:
        disguises.add("number")
        return number
    if not host.isascii():
        disguises.add("lookalike")
        return _idna(host)
    if "xn--" in host:
        disguises.add("punycode")
    return host


def _idna(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _number(host: str) -> str | None:
    """Return the address of a host that is one in another notation (WHATWG URL, IPv4 parser)."""
    parts = host.split(".")
    if not host or len(parts) > 4 or not all(map(_HEX_NUMBER.fullmatch, parts)):
        return None
    numbers = [
        int(
            part,
            16 if part.startswith("0x") else 8 if len(part) > 1 and part.startswith("0") and _is_octal(part) else 10,
        )
        for part in parts
    ]
    plain = len(parts) == 4 and all(part == str(number) for part, number in zip(parts, numbers, strict=True))
    if plain or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    value = numbers[-1] + sum(number << 8 * (3 - n) for n, number in enumerate(numbers[:-1]))
    return str(ipaddress.IPv4Address(value))


def _is_octal(part: str) -> bool:
    return all(digit in "01234567" for digit in part)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def allows(allowed: frozenset[str], host: str) -> bool:
    """Return whether a host is one of ``allowed``: by its name, or below ``*.name``."""
    if host in allowed:
        return True
    parts = host.split(".")
    return any("*." + ".".join(parts[at:]) in allowed for at in range(1, len(parts)))
