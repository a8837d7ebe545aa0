"""How a workflow's definition travels inside a record: the hooks of ``msgspec`` that write and read it.

Every run of a workflow carries the same document, and reading or writing it costs more than the other parts of its
record, so both are cached.
"""

from functools import lru_cache
from typing import Any

import msgspec
import orjson

from schemas.spec.model import ResolvedSpec
from schemas.spec.text.document import resolved_bytes

#: The document last written under each hash, with the object that it was built from.
_written: dict[str, tuple[ResolvedSpec, bytes]] = {}
_WRITTEN_MOST = 256


def from_model(value: object) -> object:
    """Return a definition as its JSON text. Raises ``TypeError`` for anything else."""
    if isinstance(value, ResolvedSpec):
        return msgspec.Raw(_spec_json(value))
    raise TypeError(f"a {type(value).__name__} is not part of any record")


def to_model(kind: type, data: Any) -> object:
    """Return the definition that JSON describes. Raises ``TypeError`` for another kind."""
    if kind is ResolvedSpec:
        return _spec(orjson.dumps(data))
    raise TypeError(f"a {kind.__name__} is not part of any record")


@lru_cache(maxsize=256)
def _spec(document: bytes) -> ResolvedSpec:
    return ResolvedSpec.model_validate_json(document)


def _spec_json(spec: ResolvedSpec) -> bytes:
    known = _written.get(spec.hash)
    if known is not None and known[0] is spec:
        return known[1]
    if len(_written) >= _WRITTEN_MOST:
        _written.clear()
    document = resolved_bytes(spec)
    _written[spec.hash] = spec, document
    return document
