"""Reversible encoders of a text, most of them in attacks on models that others have published."""

import base64
import binascii
import codecs
import quopri
import random
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from services.privacy.sanitise.decoders.ciphers import BRAILLE, MORSE

Encoder = Callable[[str], str]

_MORSE: Final = {letter: code for code, letter in MORSE.items() if letter != " "} | {" ": "/"}
_BRAILLE: Final = {letter: cell for cell, letter in BRAILLE.items() if cell != "\u2800"}
_LEET: Final = str.maketrans("ieaostIEAOST", "134057134057")
_ATBASH: Final = {
    **{ord("a") + n: ord("z") - n for n in range(26)},
    **{ord("A") + n: ord("Z") - n for n in range(26)},
}
_UU_LINE: Final = 45


def _uuencode(text: str) -> str:
    raw = text.encode()
    return "".join(binascii.b2a_uu(raw[at : at + _UU_LINE]).decode() for at in range(0, len(raw), _UU_LINE))


def _tags(text: str) -> str:
    return "😈" + "".join(chr(0xE0000 + ord(char)) if char.isascii() else char for char in text)


def _selectors(text: str) -> str:
    return "😊" + "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in text.encode())


def _supplement(text: str) -> str:
    return "".join(chr(0xE0100 + byte) for byte in text.encode())


def _sneaky_bits(text: str) -> str:
    """Bits without leading zeros in two invisible signs of mathematics, spaces of no width between words."""
    words = ["".join(f"{byte:b}" for byte in word.encode()) for word in text.split(" ")]
    return "\u200b".join(word.replace("0", "\u2062").replace("1", "\u2064") for word in words)


def _zero_width_bits(text: str) -> str:
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "Hello" + bits.replace("0", "\u200b").replace("1", "\u200c") + "!"


def _morse(text: str) -> str:
    return " ".join(_MORSE[char] for char in text.upper() if char in _MORSE)


def _braille(text: str) -> str:
    return "".join(
        ("\u2820" if char.isupper() else "\u283c" if char.isdigit() else "") + _BRAILLE.get(char.lower(), char)
        for char in text
    )


def _zalgo(text: str) -> str:
    rng = random.Random(len(text))  # noqa: S311 - marks of a text
    return "".join(char + "".join(chr(rng.randrange(0x300, 0x36F)) for _ in range(rng.randint(1, 6))) for char in text)


def _full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


ENCODERS: Final[dict[str, Encoder]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base16": lambda text: text.encode().hex(),
    "hexadecimal pairs": lambda text: text.encode().hex(" "),
    "ascii85": lambda text: base64.a85encode(text.encode()).decode(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "uuencode": _uuencode,
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "quoted-printable throughout": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "percent": quote,
    "percent throughout": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "escapes": lambda text: (
        text.encode("unicode_escape").decode()
        if not text.isascii()
        else "".join(f"\\u{ord(char):04x}" for char in text)
    ),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "atbash": lambda text: text.translate(_ATBASH),
    "backwards": lambda text: text[::-1],
    "Morse": _morse,
    "Braille": _braille,
    "tags": _tags,
    "variation selectors": _selectors,
    "supplementary selectors": _supplement,
    "zero-width bits": _zero_width_bits,
    "sneaky bits": _sneaky_bits,
    "leet": lambda text: text.translate(_LEET),
    "marks": _zalgo,
    "full width": _full_width,
}
#: They lose the case of letters, some signs, or the difference between digits and letters.
LOSSY: Final = frozenset({"Morse", "Braille", "leet", "marks"})
