"""Bodies of requests: which encoding they have, unpacked within a bound."""

import zlib
from enum import Enum

from schemas.errors import TooLarge, Undecodable

#: Unpacked. A span of a call with its messages has some kilobytes.
MAX_BYTES = 16 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_PLAIN = frozenset({"", "identity"})


class Encoding(Enum):
    """How a request is written, by its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def encoding_of(content_type: str) -> Encoding | None:
    """Return the encoding that a header names; ``None`` for another one."""
    kind = content_type.partition(";")[0].strip().lower()
    return next((one for one in Encoding if one.value == kind), None)


def is_packed(content_encoding: str) -> bool:
    """Return whether a body has to be unpacked. How large it is then is not known before."""
    return content_encoding.strip().lower() not in _PLAIN


def unpacked(body: bytes, content_encoding: str) -> bytes:
    """Return a body as it was before it was compressed.

    Raises ``TooLarge``, and ``Undecodable`` for a damaged one or another compression than gzip.
    """
    if not is_packed(content_encoding):
        return body
    kind = content_encoding.strip().lower()
    if kind != "gzip":
        raise Undecodable("encoding", f"content-encoding {kind[:40]} is not supported: send gzip, or the body plain")
    return _gunzipped(body)


def _gunzipped(body: bytes) -> bytes:
    parts, size, rest = [], 0, body
    while rest:
        unpacking = zlib.decompressobj(_GZIP)
        try:
            part = unpacking.decompress(rest, MAX_BYTES - size + 1)
        except zlib.error as exc:
            raise Undecodable("gzip", "the body is not gzip; correct the header Content-Encoding") from exc
        size += len(part)
        if size > MAX_BYTES:
            raise TooLarge(f"the body has more than {MAX_BYTES} bytes unpacked; send smaller batches")
        if not unpacking.eof:
            raise Undecodable("gzip", "the gzip of the body ends too early")
        parts.append(part)
        rest = unpacking.unused_data
    return b"".join(parts)
