"""Webhooks by the Standard Webhooks specification (standardwebhooks.com, version 1.0.0): signatures, secrets, retries.

A request is signed over ``<id>.<timestamp in seconds>.<body>`` with HMAC-SHA256. The header has one signature for each
secret that is in force, so that a secret is rotated without a gap.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

PREFIX: Final = "whsec_"
#: The specification allows 24 to 64 bytes.
SECRET_BYTES: Final = 32
SHORTEST, LONGEST = 24, 64
_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
#: How long after each failed try the next one is due, in milliseconds; then it is given up. Together they are a day.
RETRY_AFTER_MS: Final = (
    *(5 * _SECOND, 30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 10 * _HOUR + 17 * _MINUTE + 25 * _SECOND),
)
#: A try is spread over this share of its delay, so that a receiver that returns is not asked by all at once.
SPREAD: Final = 0.1

DeliveryState = Literal["pending", "delivered", "dead"]


def new_secret() -> str:
    """Return a secret for signatures."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def secret_bytes(secret: str) -> bytes:
    """Return the key of a secret. Raises ``ValueError`` for a text that is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"a webhook secret is {PREFIX!r} and base64 of {SHORTEST} to {LONGEST} bytes") from exc
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a webhook secret is {PREFIX!r} and base64 of {SHORTEST} to {LONGEST} bytes")
    return key


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return one signature, ``v1,<base64>``."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret_bytes(secret), signed, hashlib.sha256)).decode()


def headers(valid: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a signed request; ``valid`` are the secrets in force, the newest first."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signature(one, message_id, timestamp_s, body) for one in valid),
    }


def retry_after_ms(tries: int, spread: float) -> int | None:
    """Return when to try again after ``tries`` failed ones; ``None`` to give up. ``spread`` is from 0 to 1."""
    if tries > len(RETRY_AFTER_MS):
        return None
    delay = RETRY_AFTER_MS[tries - 1]
    return delay + int(delay * SPREAD * spread)


def wants(patterns: Sequence[str], event_type: str) -> bool:
    """Return whether a webhook takes events of a type. ``*`` in a pattern stands for any characters."""
    return any(fnmatchcase(event_type, pattern) for pattern in patterns)
