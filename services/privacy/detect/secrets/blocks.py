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


def has_key_body(block: str) -> bool:
    """Return whether a block holds encoded bytes: an example has dots or a word there."""
    body = "".join(_BODY.findall(block.replace("\\n", "\n").replace("\\r", "")))
    return len(body) >= _SHORTEST_BODY and entropy(body) > 3.5


BLOCK_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "secret/private-key-pem",
        "private_key",
        rf"{_PEM}[\s\S]*?(?:{_PEM_END}|\z)",
        0.99,
        validate=has_key_body,
        trigger=_PEM,
    ),
    Rule(
        "secret/private-key-ssh2",
        "private_key",
        rf"{_SSH2}[\s\S]*?(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----|\z)",
        0.99,
        validate=has_key_body,
        trigger=_SSH2,
    ),
    Rule(
        "secret/private-key-putty",
        "private_key",
        r"PuTTY-User-Key-File-\d:[\s\S]*?(?:Private-(?:MAC|Hash): ?[0-9a-f]{40,}|\z)",
        0.99,
        validate=has_key_body,
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
