"""Sixty ways to write a text so that a search does not find it and a model, or a reader, still does."""

import base64
import random
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from bench.privacy.encoders import ENCODERS

_CYRILLIC: Final = str.maketrans("aeopcxyiABEKMHOPCTX", "аеорсхуіАВЕКМНОРСТХ")
_GREEK: Final = str.maketrans("ouvABEZHIKMNOPTYX", "ουνΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_ACCENTS: Final = str.maketrans("aeiouncs", "áèîöüñçš")
_SMALL_CAPITALS: Final = str.maketrans("abcdeghijklmnoprtuvwz", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡᴢ")
_STROKES: Final = str.maketrans("bdhiloptuz", "ƀđħɨłøᵽŧʉƶ")
_INVISIBLES: Final = {
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "grapheme joiner": "\u034f",
    "left-to-right mark": "\u200e",
    "variation selector": "\ufe0f",
    "Mongolian separator": "\u180e",
    "invisible times": "\u2062",
    "Hangul filler": "\u3164",
    "tag space": "\U000e0001",
    "null character": "\0",
    "backspace": "\x08",
}


class Evasion(NamedTuple):
    """A name, and how a text is written so."""

    name: str
    write: Callable[[str], str]


def _shifted(start: int) -> Callable[[str], str]:
    """Return what writes letters in an alphabet of mathematical symbols that starts at ``start`` with ``A``."""

    def write(text: str) -> str:
        places = {char: start + n for n, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")}
        return "".join(chr(places[char]) if char in places else char for char in text)

    return write


def _upper(start: int) -> Callable[[str], str]:
    return lambda text: "".join(chr(start + ord(char) - 65) if "A" <= char <= "Z" else char for char in text.upper())


def _between(sign: str) -> Callable[[str], str]:
    return lambda text: "".join(f"{char}{sign}" if char.isalnum() else char for char in text)


def _marked(mark: str) -> Callable[[str], str]:
    return lambda text: "".join(char + mark if char.isalpha() else char for char in text)


def _some(text: str, write: Callable[[str], str]) -> str:
    rng = random.Random(7)  # noqa: S311 - the same letters each time
    return "".join(write(char) if rng.random() < 0.4 else char for char in text)


def _circled(text: str) -> str:
    return "".join(chr(0x24D0 + ord(char) - 97) if "a" <= char <= "z" else char for char in text.lower())


def _upside(text: str) -> str:
    return "\u202e" + text[::-1] + "\u202c"


def _split_base64(text: str) -> str:
    encoded = base64.b64encode(text.encode()).decode()
    return " + ".join(f'"{encoded[at : at + 24]}"' for at in range(0, len(encoded), 24))


def _comments(text: str) -> str:
    return "".join(f"{char}&#8203;" if char.isalpha() else char for char in text)


def _coloured(text: str) -> str:
    return "".join(f"{char}\x1b[0m" if char.isalpha() else char for char in text)


def _quoted(text: str) -> str:
    encoded = base64.encodebytes(text.encode()).decode()
    return "".join(f"> {line}\n" for line in encoded.splitlines())


_OWN: Final[dict[str, Callable[[str], str]]] = {
    "Cyrillic letters": lambda text: text.translate(_CYRILLIC),
    "Greek letters": lambda text: text.translate(_GREEK),
    "some Cyrillic letters": lambda text: _some(text, lambda char: char.translate(_CYRILLIC)),
    "accents": lambda text: text.translate(_ACCENTS),
    "small capitals": lambda text: text.translate(_SMALL_CAPITALS),
    "letters with strokes": lambda text: text.translate(_STROKES),
    "bold letters": _shifted(0x1D400),
    "bold Fraktur": _shifted(0x1D56C),
    "monospace": _shifted(0x1D670),
    "sans-serif": _shifted(0x1D5A0),
    "bold script": _shifted(0x1D4D0),
    "circled": _circled,
    "negative squares": _upper(0x1F170),
    "negative circles": _upper(0x1F150),
    "regional indicators": _upper(0x1F1E6),
    "underlined by marks": _marked("\u0332"),
    "struck by marks": _marked("\u0336"),
    "overrides of direction": _upside,
    "spaced letters": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "dotted letters": lambda text: "  ".join(".".join(word) for word in text.split()),
    "hyphens between letters": lambda text: "  ".join("-".join(word) for word in text.split()),
    "words backwards": lambda text: " ".join(word[::-1] for word in text.split()),
    "base64 in parts": _split_base64,
    "quoted base64": _quoted,
    "base64 in hexadecimal": lambda text: base64.b64encode(text.encode()).decode().encode().hex(),
    "hexadecimal in base64": lambda text: base64.b64encode(text.encode().hex().encode()).decode(),
    "percent twice": lambda text: ENCODERS["percent throughout"](text).replace("%", "%25"),
    "entities in percent": lambda text: ENCODERS["percent"](ENCODERS["entities"](text)),
    "UTF-16 in base64": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "entities of no width": _comments,
    "terminal colours": _coloured,
    "bits": lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    "decimal codes": lambda text: " ".join(str(byte) for byte in text.encode()),
    "octal escapes": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "hexadecimal escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "alphabet moved by three": lambda text: re.sub(
        "[a-z]", lambda one: chr((ord(one[0]) - 97 + 3) % 26 + 97), text.lower()
    ),
}

EVASIONS: Final[tuple[Evasion, ...]] = (
    *(Evasion(name, write) for name, write in _OWN.items()),
    *(Evasion(f"{name} between letters", _between(sign)) for name, sign in _INVISIBLES.items()),
    *(
        Evasion(name, write)
        for name, write in ENCODERS.items()
        if name not in {"base64 twice", "sneaky bits", "percent"}
    ),
)
