"""A request as it is sent, and sent again: its bytes, headers and key never change between attempts."""

import json
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from agentflow.client.configuration import Configuration
from agentflow.client.operations import is_keyed
from agentflow.client.retries import SAFE_METHODS
from agentflow.version import VERSION

KEY_HEADER = "Idempotency-Key"
ID_HEADER = "X-Request-ID"
Param = str | int | float | bool | datetime | Sequence[str] | None
_AGENT = f"agentflow-python/{VERSION} python/{platform.python_version()}"


@dataclass(frozen=True)
class Request:
    """One request. It may be repeated if it is ``safe``."""

    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    content: bytes | None = None
    safe: bool = True

    @property
    def id(self) -> str:
        """The ``X-Request-ID``."""
        return self.headers[ID_HEADER]

    @property
    def key(self) -> str | None:
        """The ``Idempotency-Key``, if it has one."""
        return self.headers.get(KEY_HEADER)


def prepare(
    configured: Configuration,
    method: str,
    path: str,
    *,
    params: Mapping[str, Param] | None = None,
    body: Any = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    repeat: bool | None = None,
) -> Request:
    """Return a request. A ``body`` is sent as JSON, ``content`` as it is.

    A POST gets a key if none is given. It is safe to repeat if the API honours keys at its path, or if the caller
    gave the key; ``repeat`` decides it instead. Parameters that are ``None`` are left out.
    """
    verb = method.upper()
    given = {name.lower() for name in headers or {}}
    sent = _standard(configured, content is None and body is not None) | dict(headers or {})
    own = idempotency_key is not None or KEY_HEADER.lower() in given
    if verb == "POST" and KEY_HEADER.lower() not in given:
        sent[KEY_HEADER] = idempotency_key or str(uuid.uuid4())
    return Request(
        verb,
        path,
        sent,
        {name: _param(value) for name, value in (params or {}).items() if value is not None},
        content if content is not None or body is None else encode(body),
        repeat if repeat is not None else _safe(verb, path, own),
    )


def _safe(verb: str, path: str, own_key: bool) -> bool:
    return verb in SAFE_METHODS or (verb == "POST" and (own_key or is_keyed(verb, path)))


def encode(body: Any) -> bytes:
    """Return a body as JSON. Decimals are written as texts, since a float would change an amount."""
    return json.dumps(body, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _standard(configured: Configuration, is_json: bool) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {configured.token}",
        "User-Agent": _AGENT,
        "Accept": "application/json",
        ID_HEADER: str(uuid.uuid4()),
    }
    if configured.org_id:
        headers["X-Org-ID"] = configured.org_id
    return headers | ({"Content-Type": "application/json"} if is_json else {})


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _time(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value; give texts, numbers, lists and objects")


def _param(value: Param) -> str | list[str]:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one) for one in value]
    return str(value)


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"the time {value} has no zone; give it one, such as datetime.now(UTC)")
    return value.isoformat().replace("+00:00", "Z")
