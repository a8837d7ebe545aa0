"""Checks of values that look like secrets: checksums, headers of tokens, decoded credentials. All are pure."""

import base64
import binascii
import json
from typing import Any, Final
from zlib import crc32

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: The token of the front page of jwt.io: its payload says that it is an example.
_EXAMPLE_SUBJECT: Final = "1234567890"


def github_checksum(token: str) -> bool:
    """Return whether the last six characters are the CRC-32 of the random part, in base 62.

    Source: GitHub's description of its token format of 2021; npm uses the same one.
    """
    body = token.partition("_")[2]
    return len(body) > 6 and body[-6:] == base62_checksum(body[:-6])


def base62_checksum(text: str) -> str:
    """Return the CRC-32 of a text as six digits of base 62."""
    left, digits = crc32(text.encode()), ""
    while left:
        left, digit = divmod(left, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0")


def json_web_token(token: str) -> bool:
    """Return whether the first part is a JSON object with ``alg``, as RFC 7515 says, and it is not jwt.io's example."""
    parts = token.split(".")
    header = _object(parts[0])
    if header is None or not isinstance(header.get("alg"), str):
        return False
    payload = _object(parts[1])
    return payload is None or payload.get("sub") != _EXAMPLE_SUBJECT or payload.get("name") != "John Doe"


def basic_credentials(text: str) -> bool:
    """Return whether a text is Base64 of ``user:password``, as RFC 7617 says."""
    decoded = _decoded(text)
    if decoded is None:
        return False
    user, colon, password = decoded.partition(":")
    return bool(colon and password and user.isprintable() and password.isprintable())


def _object(part: str) -> dict[str, Any] | None:
    decoded = _decoded(part)
    try:
        found = json.loads(decoded) if decoded else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _decoded(text: str) -> str | None:
    text = text.replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
