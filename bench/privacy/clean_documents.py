"""Honest documents by a seed: in many scripts, with code, logs, tables, pictures and long links."""

import base64
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("clean_documents.txt")
_PLACE: Final = re.compile("⟦([a-z0-9_ ]+)⟧")
#: What mailers put behind the hidden first words of a message, so that a preview shows nothing else.
_PADDINGS: Final = ("&zwnj;&nbsp;" * 20, "\u034f \u200c \u00ad" * 15, "\u200c\u00a0" * 24, "\u2007\u034f" * 20)
_LEVELS: Final = ("\x1b[32mINFO\x1b[0m", "\x1b[33;1mWARN\x1b[0m", "ERROR", "DEBUG")
_PNG: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode()


def clean_documents(count: int = 500, seed: int = 18) -> list[str]:
    """Return so many documents, of each kind in turn. The same seed gives the same ones."""
    rng = random.Random(seed)  # noqa: S311 - documents of a seed
    kinds = [name for name in _templates() if not name.startswith("+")]
    return [_filled(rng, kinds[n % len(kinds)]) for n in range(count)]


@cache
def _templates() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for section in _FILE.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, _, text = section.partition("\n")
        found.setdefault(name, []).append(text)
    return found


def _filled(rng: random.Random, name: str) -> str:
    return _PLACE.sub(lambda place: _value(rng, place[1]), rng.choice(_templates()[name]))


def _value(rng: random.Random, place: str) -> str:
    name, *args = place.split(" ")
    if name == "some":
        return "\n".join(_filled(rng, f"+{args[0]}") for _ in range(rng.randint(4, 10)))
    if f"+{name}" in _templates():
        return _filled(rng, f"+{name}").strip("\n")
    if name == "png":
        return _PNG
    return _MADE[name](rng, *map(int, args))


def _hex(rng: random.Random, chars: int) -> str:
    return f"{rng.getrandbits(4 * chars):0{chars}x}"


def _token(rng: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(rng.randbytes(size)).decode().rstrip("=")


def _lines(rng: random.Random, size: int) -> str:
    return base64.encodebytes(b"0\x82\x03" + rng.randbytes(size)).decode()


_MADE: Final[dict[str, Callable[..., str]]] = {
    "int": lambda rng, least, most: str(rng.randint(least, most)),
    "hex": _hex,
    "token": _token,
    "base64": _lines,
    "uuid": lambda rng: "-".join(_hex(rng, chars) for chars in (8, 4, 4, 4, 12)),
    "bits": lambda rng: f"{rng.getrandbits(8):08b}",
    "fingerprint": lambda rng: ":".join(_hex(rng, 2).upper() for _ in range(32)),
    "padding": lambda rng: rng.choice(_PADDINGS),
    "level": lambda rng: rng.choice(_LEVELS),
}
