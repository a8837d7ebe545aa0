"""The hash of a value, by which two runs are compared whatever of them is captured.

It is the SHA-256 of canonical JSON: UTF-8, keys sorted, no spaces, as orjson writes it. A value that orjson refuses
(integers of over 64 bits, lone surrogates) is written by the standard library in the same form, with escapes for what
UTF-8 cannot have; so every JSON value has a hash, and equal values have equal ones. Numbers are as they were written:
``1`` and ``1.0`` differ.
"""

import json

from schemas.ids import canonical_hash, content_hash
from schemas.records.base import Json


def value_hash(value: Json) -> str:
    """Return the hash of a JSON value as 64 hex digits; empty for what is no JSON value."""
    try:
        return canonical_hash(value)
    except TypeError:
        try:
            return content_hash(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
        except (TypeError, ValueError, RecursionError):
            return ""
