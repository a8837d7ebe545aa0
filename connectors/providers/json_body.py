"""JSON that a provider or a model wrote, as values that every record can carry."""

import json
import re
from typing import Any, NamedTuple

#: Half of a surrogate pair, which is no character: models that are cut off in the middle of an emoji write it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
NOT_UNICODE = "text:not_unicode"


class Parsed(NamedTuple):
    """A value, and notes on what was replaced in it."""

    value: Any
    notes: tuple[str, ...] = ()


def read_json(body: str | bytes) -> Parsed:
    """Return a body's value; half surrogate pairs become U+FFFD. Raises ``ValueError`` and ``RecursionError``."""
    value = json.loads(body)
    if not _has_a_surrogate(body):
        return Parsed(value)
    whole = whole_text(value)
    return Parsed(whole, (NOT_UNICODE,) if whole != value else ())


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def joined_text(value: Any) -> Parsed:
    """Return a value that was put together from pieces: pairs of surrogates that were split are joined again."""
    if not _SURROGATE.search(json_text(value)):
        return Parsed(value)
    joined = _joined(value)
    whole = whole_text(joined)
    return Parsed(whole, (NOT_UNICODE,) if whole != joined else ())


def whole_text(value: Any) -> Any:
    """Return a JSON value with U+FFFD for every half surrogate pair in its texts and keys."""
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_text(item) for item in value]
    return value


def _joined(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, dict):
        return {_joined(key): _joined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_joined(item) for item in value]
    return value


def _has_a_surrogate(body: str | bytes) -> bool:
    # ``json.loads`` also takes bytes that encode half a pair, which begin with ED.
    text = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return b"\\ud" in text or b"\\uD" in text or b"\xed" in text
