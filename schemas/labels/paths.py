"""Paths of labels: a small part of JSONPath (RFC 9535). ``$`` is the whole value.

``$.contacts[*].email``, ``$.list[0]``, ``$["a key with spaces"]``; ``*`` matches any key and any index.
"""

import json
import re
from enum import Enum
from functools import lru_cache
from typing import Final

from schemas.errors import InvalidInput, Problem


class Wild(Enum):
    """``*``: a part that matches any key and any index. A key that is written so is not it."""

    ANY = "*"


ANY: Final = Wild.ANY
Part = str | int | Wild
Path = tuple[Part, ...]

ROOT: Path = ()
_PART = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*|\*)|\[(\d{1,9}|\*)\]|\[("(?:[^"\\]|\\.)*")\]')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@lru_cache(4096)
def parse_path(text: str) -> Path:
    """Return the parts of a path. Raises ``InvalidInput``."""
    parts: list[Part] = []
    at = 1 if text.startswith("$") else -1
    while 0 < at < len(text):
        found = _PART.match(text, at)
        if found is None:
            at = -1
            break
        name, index, quoted = found.groups()
        if "*" in (name, index):
            parts.append(ANY)
        elif index is not None:
            parts.append(int(index))
        else:
            parts.append(name if name is not None else json.loads(quoted))
        at = found.end()
    if at < 0:
        raise InvalidInput.of(Problem("path", f'{text[:80]!r} is no path: write it like $.list[*].name or $["a key"]'))
    return tuple(parts)


@lru_cache(4096)
def format_path(path: Path) -> str:
    """Return a path as records have it."""
    return "$" + "".join(_written(part) for part in path)


def _written(part: Part) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if isinstance(part, Wild):
        return "[*]"
    return f".{part}" if _PLAIN.fullmatch(part) else f"[{json.dumps(part)}]"
