"""Credentials of a NATS user: a file with a JWT, and with the seed that signs what the server asks.

The file is that of NATS' own tools (``nsc generate creds``). A seed is an NKey: base32 of two bytes of its kind, 32
bytes of an Ed25519 key, and a checksum (https://docs.nats.io/reference/reference-protocols/nkeys).
"""

import base64
import binascii
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.errors import Error as NatsError

#: The tools end the block of the JWT with six dashes, and that of the seed, too; others write five.
_BLOCK = r"-----BEGIN {name}-----\s*([A-Za-z0-9_.=-]+?)\s*-{{5,6}}END {name}-{{5,6}}"
_JWT, _SEED = (re.compile(_BLOCK.format(name=name)) for name in ("NATS USER JWT", "USER NKEY SEED"))
#: Kind, key and checksum, in bytes.
_KIND, _KEY, _SUM = 2, 32, 2
#: Kinds of NKeys begin by these letters: a seed, of a user.
_USER_SEED = "SU"


def user_jwt(path: str) -> bytes:
    """Return the JWT of a file. Raises ``NatsError``."""
    return _found(_JWT, path, "JWT").encode()


def signed_nonce(path: str, nonce: str) -> bytes:
    """Return the signature of a server's nonce, as base64. Raises ``NatsError``."""
    return base64.b64encode(_key(_found(_SEED, path, "seed"), path).sign(nonce.encode()))


def _found(pattern: re.Pattern[str], path: str, what: str) -> str:
    try:
        match = pattern.search(Path(path).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not ASCII text"
        raise NatsError(f"NATS_CREDS={path!r} cannot be read ({why})") from None
    if match is None:
        raise NatsError(f"NATS_CREDS={path!r} holds no user's {what}; write what `nsc generate creds` prints")
    return match[1]


def _key(seed: str, path: str) -> Ed25519PrivateKey:
    wrong = NatsError(f"NATS_CREDS={path!r} holds a seed that is damaged or no user's; write it again")
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except (binascii.Error, ValueError):
        raise wrong from None
    if not seed.startswith(_USER_SEED) or len(raw) != _KIND + _KEY + _SUM:
        raise wrong
    body, checksum = raw[:-_SUM], int.from_bytes(raw[-_SUM:], "little")
    if binascii.crc_hqx(body, 0) != checksum:  # CRC-16/XMODEM, as NKeys use
        raise wrong
    return Ed25519PrivateKey.from_private_bytes(body[_KIND:])
