r"""Private keys in their text forms, and JSON web tokens.

A private key counts from its first line. A block that does not end is one as well, so a cut text does not let a part of
a key pass. ``\n`` may be written out, as in JSON and in variables of the environment.
"""

import re
from typing import Final

from services.privacy.detect.rules import Rule
from services.privacy.detect.secrets.checks import json_web_token
from services.privacy.detect.secrets.randomness import entropy

_PEM = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_SSH2 = r"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
_EY = r"ey[A-Za-z0-9_-]{10}"
_BODY: Final = re.compile(r"[A-Za-z0-9+/=]{16,}")
_SHORTEST_BODY: Final = 40


#: Between two pieces of a body: ends of lines, also written out, quotes and joints of strings in programs.
_BETWEEN: Final = re.compile(r"(?:\s|\\[nrt]|[\"'`,+\\.]){1,12}")
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z-]{2,24}: [^\n\\]{0,200}")
_PIECE: Final = re.compile(r"[A-Za-z0-9+/=]+")
#: What a key begins with, up to its first line. A stream holds a text back from here.
KEY_BEGIN: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----|"
    r"PuTTY-User-Key-File-\d: ?[\w-]*"
)
KEY_END: Final = re.compile(
    r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|---- END SSH2 ENCRYPTED PRIVATE KEY ----|"
    r"Private-(?:MAC|Hash): ?[0-9a-f]{40,}"
)


def has_key_body(block: str) -> bool:
    """Return whether a block holds encoded bytes: an example has dots or a word there."""
    body = "".join(_BODY.findall(block.replace("\\n", "\n").replace("\\r", "")))
    return len(body) >= _SHORTEST_BODY and entropy(body) > 3.5


def key_part(block: str) -> tuple[int, int] | None:
    """Return which part of a block is a key, from its first line; behind a block that does not end prose may follow."""
    begin = KEY_BEGIN.match(block)
    if begin is None:
        return None
    if KEY_END.search(block) is not None:
        return 0, len(block)
    end = body_end(block, begin.end())
    return (0, end) if end > begin.end() else None


def body_end(text: str, at: int) -> int:
    """Return where the body of a key ends that starts at ``at``: headers, then long pieces of Base64."""
    end = at
    while (gap := _BETWEEN.match(text, at)) is not None:
        at = gap.end()
        header = _HEADER.match(text, at)
        piece = header or _PIECE.match(text, at)
        if piece is None:
            break
        # Words of prose are short; the last piece of a body may be, too.
        short = header is None and len(piece[0]) < 16
        if short and piece.end() < len(text) and not _last_piece(text, piece.end()):
            break
        at = end = piece.end()
    return end


def _last_piece(text: str, at: int) -> bool:
    gap = _BETWEEN.match(text, at)
    return text.startswith("-", gap.end() if gap is not None else at)


BLOCK_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "secret/private-key-pem",
        "private_key",
        rf"{_PEM}[\s\S]*?(?:{_PEM_END}|\z)",
        0.99,
        validate=has_key_body,
        narrow=key_part,
        trigger=_PEM,
    ),
    Rule(
        "secret/private-key-ssh2",
        "private_key",
        rf"{_SSH2}[\s\S]*?(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----|\z)",
        0.99,
        validate=has_key_body,
        narrow=key_part,
        trigger=_SSH2,
    ),
    Rule(
        "secret/private-key-putty",
        "private_key",
        r"PuTTY-User-Key-File-\d:[\s\S]*?(?:Private-(?:MAC|Hash): ?[0-9a-f]{40,}|\z)",
        0.99,
        validate=has_key_body,
        narrow=key_part,
        trigger=r"PuTTY-User-Key-File-\d",
    ),
    Rule(
        "secret/private-key-jwk",
        "private_key",
        r"""["']d["']\s{0,4}:\s{0,4}["']([A-Za-z0-9_-]{40,})["']""",
        0.95,
        group=1,
        near=("kty",),
        trigger=r"""["']d["']\s{0,4}:""",
    ),
    Rule(
        "secret/jwt",
        "jwt",
        r"(?:\b|\\[nrt])(ey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{16,})",
        0.97,
        group=1,
        validate=json_web_token,
        trigger=_EY,
    ),
    Rule(
        "secret/jwe",
        "jwt",
        r"(?:\b|\\[nrt])(ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})",
        0.97,
        group=1,
        validate=json_web_token,
        trigger=_EY,
    ),
)
