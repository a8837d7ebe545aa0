"""What an answer depends on, as one digest: two requests with one key may share an answer.

Every field of ``ModelRequest`` is part of the key but those of ``NOT_PART``, so a field that is new makes other keys
until somebody says that it does not matter. Fields with their default are left out, so that it changes no earlier key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import orjson

from connectors.providers.base import ModelRequest
from connectors.providers.images import ImageInput

#: Rises when the meaning of a key changes: no answer of before is found any more.
KEY_VERSION = 2
#: Of the request, not of its meaning.
NOT_PART = frozenset(
    {"idempotency_key", "timeout_s", "silence_s", "attempt", "api_key", "prompt_cache", "trace_headers"}
)
#: Fields whose order means nothing.
_UNORDERED = frozenset({"stop"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and whom it is asked for; ``prompt_name`` is empty where the prompt is not a registered one."""

    org_id: str
    provider: str
    request: ModelRequest
    prompt_name: str = ""
    prompt_version: int = 0
    data_class: str = ""
    policy_hash: str = ""


def digest_of(asked: Asked, *, without_prompt: bool = False) -> str:
    """Return the SHA-256 of all that an answer depends on; ``without_prompt`` leaves the rendered prompt out."""
    request = asked.request
    parts = [KEY_VERSION, asked.org_id, asked.provider, asked.prompt_name, asked.prompt_version, asked.data_class]
    if asked.policy_hash:
        parts.append(asked.policy_hash)
    dropped = NOT_PART | {"prompt"} if without_prompt else NOT_PART
    text = orjson.dumps([*parts, _fields(request, dropped)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def question_hash(request: ModelRequest) -> str:
    """Return the SHA-256 of what a model is asked, whichever model it is and by whom."""
    text = orjson.dumps(_fields(request, NOT_PART | {"model"}), option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()


def _fields(one: Any, dropped: frozenset[str] = frozenset()) -> dict[str, Any]:
    found = {}
    for field in fields(one):
        value = getattr(one, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name not in dropped and value != default:
            found[field.name] = _value(sorted(value) if field.name in _UNORDERED else value)
    return found


def _value(value: Any) -> Any:
    """Return a value so that what means the same is written the same."""
    if isinstance(value, ImageInput):
        return {"sha256": value.sha256, "media_type": value.media_type, "said": value.said}
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(name): _value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
