"""Signatures of incoming webhooks, by the scheme of who sends them. Pure; the time comes in as data.

=============  =======================================================  ==================  =========================
scheme         signed                                                   time is checked     default idempotency key
=============  =======================================================  ==================  =========================
``url``        nothing: who knows the address may send                  no                  header ``Idempotency-Key``
``standard``   ``<webhook-id>.<webhook-timestamp>.<body>``, base64      yes                 header ``webhook-id``
``github``     the body, hex, in ``X-Hub-Signature-256`` or another     no                  header ``X-GitHub-Delivery``
``stripe``     ``<t>.<body>``, hex, in ``Stripe-Signature``             yes                 the payload's ``id``
=============  =======================================================  ==================  =========================

All are HMAC-SHA256. ``standard`` is Standard Webhooks 1.0.0 (standardwebhooks.com); ``github`` and ``stripe`` are after
the documentation of those services ("Validating webhook deliveries", "Verify webhook signatures manually"). A scheme
without a time cannot tell a repetition: the idempotency key must make it harmless.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from schemas.errors import Unauthenticated
from schemas.records.base import Json
from schemas.webhooks import signature

Scheme = Literal["url", "standard", "github", "stripe"]

#: A signature is good for so long before and after its time, for clocks that differ and requests that wait.
TOLERANCE_S: Final = 300
GITHUB_HEADER: Final = "x-hub-signature-256"
STRIPE_HEADER: Final = "stripe-signature"
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_SECONDS = re.compile(r"[0-9]{1,12}")
#: Signatures and secrets are few while one is rotated; a header with more is somebody who tries.
_MOST_SIGNATURES = 10
#: Of which header the idempotency key is, where a trigger says nothing.
ID_HEADERS: Final[Mapping[Scheme, str]] = {
    "url": "idempotency-key",
    "standard": "webhook-id",
    "github": "x-github-delivery",
}


def verify(
    scheme: Scheme, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_s: int, header: str = ""
) -> None:
    """Return if one of the secrets signed a request. Names of ``headers`` are in lower case.

    ``header`` replaces the one that has a signature of ``github``. Raises ``Unauthenticated`` that says what is wrong,
    and never what would be right.
    """
    if scheme == "standard":
        _standard(secrets, headers, body, now_s)
    elif scheme == "github":
        _github(secrets, headers, body, header.lower() or GITHUB_HEADER)
    elif scheme == "stripe":
        _stripe(secrets, headers, body, now_s)


def default_id(scheme: Scheme, headers: Mapping[str, str], payload: Json) -> str | None:
    """Return the idempotency key of a request by its scheme, ``None`` where it has none."""
    if scheme == "stripe":
        found = payload.get("id") if isinstance(payload, dict) else None
        return found if isinstance(found, str) else None
    return headers.get(ID_HEADERS[scheme]) or None


def _standard(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_s: int) -> None:
    message_id = _header(headers, "webhook-id")
    timestamp = _in_time(_header(headers, "webhook-timestamp"), now_s)
    given = [one for one in _header(headers, "webhook-signature").split(" ") if one.startswith("v1,")]
    expected = (signature(secret, message_id, timestamp, body) for secret in secrets)
    _one_of(given, expected, "webhook-signature")


def _github(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, name: str) -> None:
    given = _header(headers, name).strip().removeprefix("sha256=")
    if not _HEX.fullmatch(given):
        raise Unauthenticated(f"the header {name} is not sha256= and 64 hexadecimal digits")
    _one_of([given.lower()], (_hex(secret, body) for secret in secrets), name)


def _stripe(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_s: int) -> None:
    parts = [part.strip().partition("=") for part in _header(headers, STRIPE_HEADER).split(",")]
    times = [value for name, _, value in parts if name == "t"]
    timestamp = _in_time(times[0] if len(times) == 1 else "", now_s)
    given = [value.lower() for name, _, value in parts if name == "v1" and _HEX.fullmatch(value)]
    signed = f"{timestamp}.".encode() + body
    _one_of(given, (_hex(secret, signed) for secret in secrets), STRIPE_HEADER)


def _header(headers: Mapping[str, str], name: str) -> str:
    if not (found := headers.get(name)):
        raise Unauthenticated(f"the header {name} is missing; this webhook takes signed requests alone")
    return found


def _in_time(text: str, now_s: int) -> int:
    if not _SECONDS.fullmatch(text):
        raise Unauthenticated("the signature has no time in seconds since 1970")
    timestamp = int(text)
    if abs(now_s - timestamp) > TOLERANCE_S:
        raise Unauthenticated(f"the signature's time differs from ours by more than {TOLERANCE_S} s")
    return timestamp


def _one_of(given: Sequence[str], expected: Iterator[str], name: str) -> None:
    """Raise unless one is equal. Every pair is compared, in constant time."""
    wanted, good = list(expected), False
    for one in given[:_MOST_SIGNATURES]:
        for other in wanted:
            good |= hmac.compare_digest(one.encode(), other.encode())
    if not good:
        raise Unauthenticated(f"the signature in {name} is not of this webhook's secret over this body")


def _hex(secret: str, signed: bytes) -> str:
    return binascii.hexlify(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
