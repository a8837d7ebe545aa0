"""Escapes inside of a text: percent (RFC 3986), entities (HTML), quoted-printable (RFC 2045), escapes of languages."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Final

from services.privacy.sanitise.decoders.runs import Decoded, in_place
from services.privacy.sanitise.offsets import Piece

_PERCENT: Final = re.compile(r"(?:%u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})+")
_PERCENT_U: Final = re.compile(r"%u([0-9A-Fa-f]{4})")
_ENTITY: Final = re.compile(r"&(?:#\d{1,8}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31}(?=;));?")
#: Two bytes together, an equals sign, a line's end, or a letter inside a word: other programs write ``id=79``, too.
_QUOTED: Final = re.compile(
    r"(?:=[0-9A-F]{2}|=[ \t]*\r?\n){2,}|=3D|(?<=\S{3})=[ \t]*\r?\n"
    r"|(?<=[A-Za-z])=(?:4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A])(?=[A-Za-z=])"
)
_SOFT_BREAK: Final = re.compile(r"=[ \t]*\r?\n")
_ESCAPE: Final = re.compile(
    r"(?:\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\u\{[0-9A-Fa-f]{1,6}\}|\\U[0-9A-Fa-f]{8}|\\[0-3][0-7]{2})+"
)
#: Escapes stand inside of sentences, so these are read with them.
_AROUND: Final = 512
_PLAIN: Final = re.compile(r"[A-Za-z0-9%&\\=]")
_ONE_ESCAPE: Final = re.compile(r"\\(?:[xuU]\{?(?P<hex>[0-9A-Fa-f]+)\}?|(?P<octal>[0-7]{3}))")


def percent(text: str) -> Iterator[Decoded]:
    """Yield the text with percent-encoded characters as themselves."""
    yield from _each("percent", text, _PERCENT, _of_percent, least=1)


def entities(text: str) -> Iterator[Decoded]:
    """Yield the text with entities of HTML as the characters that they name."""
    yield from _each("entities", text, _ENTITY, html.unescape, least=1)


def quoted_printable(text: str) -> Iterator[Decoded]:
    """Yield the text with quoted-printable bytes as characters, without soft line breaks."""
    yield from _each("quoted-printable", text, _QUOTED, _of_quoted, least=3)


def escapes(text: str) -> Iterator[Decoded]:
    r"""Yield the text with ``\u0041``, ``\x41``, ``\u{41}`` and ``\101`` as characters."""
    yield from _each("escapes", text, _ESCAPE, _of_escapes, least=2)


def _each(
    name: str, text: str, pattern: re.Pattern[str], decode: Callable[[str], str], least: int
) -> Iterator[Decoded]:
    """Yield the text with what runs hold; nobody escapes ``least`` letters, or signs of escapes, without a purpose."""
    runs = [Piece(*found.span(), held) for found in pattern.finditer(text) if (held := decode(found[0])) != found[0]]
    purposes = sum(len(_PLAIN.findall(run.text)) for run in runs)
    decoded = in_place(name, text, runs, strong=purposes >= least, before=_AROUND, after=_AROUND)
    if decoded is not None:
        yield decoded


def _of_percent(run: str) -> str:
    if "%u" in run:
        return _PERCENT_U.sub(lambda one: _char(int(one[1], 16)), run)
    return _of_bytes(bytes.fromhex(run.replace("%", "")))


def _of_quoted(run: str) -> str:
    return _of_bytes(bytes.fromhex(_SOFT_BREAK.sub("", run).replace("=", "")))


def _of_escapes(run: str) -> str:
    codes = [int(one["hex"], 16) if one["hex"] else int(one["octal"], 8) for one in _ONE_ESCAPE.finditer(run)]
    if "\\x" in run and any(code > 127 for code in codes) and max(codes) < 256:
        return _of_bytes(bytes(codes))
    return "".join(map(_char, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _of_bytes(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _char(code: int) -> str:
    return chr(code) if code <= 0x10FFFF else "\ufffd"
