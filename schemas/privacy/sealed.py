"""Sealed payloads: references whose bytes are encrypted with the key of a data subject.

A small one carries its bytes itself (``sealed:<subject>:<base64url>``), a large one names an object
(``sealed+objects:///<organisation>/<subject>/<sha256>``), which may also be a part of a larger object's name space.
``Reference.sha256`` is that of the sealed bytes, and ``size`` is the number of bytes of the plain JSON.

What a fold decides on it cannot read, so it is computed before sealing and travels beside the bytes, in
``Reference.decided``: the answer of a condition by ``condition_key``, the length of a list by ``length_key``.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.errors import Forbidden
from schemas.payload import PathPart, Payload, Reference

#: The words of an error in place of data of an erased person.
ERASED_MESSAGE = "the data of this run's subject was erased, and the step needs it"
SUBJECT_PATTERN = r"sub_[0-9a-f]{32}"
#: Sealed bytes up to this size travel in the record: requests repeat them, so it is less than of plain values.
SEALED_INLINE_BYTES = 8 * 1024
#: Bytes that sealing adds to a value, at most: key version, nonce and tag.
SEAL_OVERHEAD = 64
_INLINE, _OBJECT = "sealed:", "sealed+objects:///"
_SUBJECT = re.compile(SUBJECT_PATTERN)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SealedPlace(NamedTuple):
    """Where sealed bytes are: ``data`` in the record itself, or ``object_org`` names the organisation of an object."""

    subject: str
    data: bytes | None = None
    object_org: str = ""


def is_subject(text: str) -> bool:
    """Return whether a text is the pseudonym of a data subject."""
    return _SUBJECT.fullmatch(text) is not None


def is_sealed(payload: Payload | None) -> bool:
    """Return whether the bytes of a payload are encrypted with a subject's key."""
    return isinstance(payload, Reference) and payload.uri.startswith((_INLINE, _OBJECT))


def inline_uri(subject: str, sealed: bytes) -> str:
    """Return the uri of sealed bytes that travel in their record."""
    return f"{_INLINE}{subject}:{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"


def object_uri(org_id: str, subject: str, sha256: str) -> str:
    """Return the uri of sealed bytes in the object store."""
    return f"{_OBJECT}{org_id}/{subject}/{sha256}"


def place_of(reference: Reference) -> SealedPlace:
    """Return where the bytes of a sealed reference are. Raises ``Forbidden`` for a uri that names nothing sealed."""
    uri = reference.uri
    found = _inline(uri) if uri.startswith(_INLINE) else _stored(uri, reference.sha256)
    if found is None:
        raise Forbidden(f"{uri[:80]!r} does not name sealed bytes")
    return found


def subject_of(reference: Reference) -> str:
    """Return the subject of a sealed reference. Raises ``Forbidden``."""
    return place_of(reference).subject


def _inline(uri: str) -> SealedPlace | None:
    subject, _, text = uri.removeprefix(_INLINE).partition(":")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (NotBase64, ValueError):
        return None
    return SealedPlace(subject, data) if is_subject(subject) and data else None


def _stored(uri: str, sha256: str) -> SealedPlace | None:
    if not uri.startswith(_OBJECT):
        return None
    org_id, _, rest = uri.removeprefix(_OBJECT).partition("/")
    subject, _, name = rest.partition("/")
    good = bool(org_id) and is_subject(subject) and name == sha256 and _SHA256.fullmatch(name) is not None
    return SealedPlace(subject, None, org_id) if good else None


def condition_key(text: str, inputs: Iterable[tuple[str, str]] = ()) -> str:
    """Return the name of a condition's answer.

    ``inputs`` are the names and hashes of the sealed inputs that it reads, where it reads several: the answer holds for
    these values together.
    """
    read = "".join(f"\x1f{name}\x1f{sha256}" for name, sha256 in sorted(inputs))
    return f"if:{hashlib.sha256((text + read).encode()).hexdigest()[:24]}"


def length_key(path: Sequence[PathPart]) -> str:
    """Return the name of the length of the list that ``path`` leads to."""
    return f"length:{'.'.join(map(str, path))}"
