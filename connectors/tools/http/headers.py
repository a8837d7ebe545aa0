"""Headers of a node, and the secrets that they name."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.tools.environment import Secret
from connectors.tools.secrets import REFERENCE
from schemas.errors import StepError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SECRET = re.compile(r"\$\{ENV:([A-Za-z_][A-Za-z0-9_]*)\}")
#: Headers of the connection, or set by the tool.
_RESERVED = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
#: Headers that are sent to the first site only.
_PERSONAL = frozenset({"authorization", "cookie"})
MAX_HEADERS = 64
NONE: Mapping[str, str] = {}
_MAX_CHARS = 16_384


def checked_headers(
    headers: Mapping[str, str],
    secrets: Mapping[str, Secret],
    host: str,
    *,
    at_home: bool,
    own: Mapping[str, str] = NONE,
) -> list[tuple[bytes, bytes]]:
    """Return the headers as they are sent to ``host``, secrets filled in: those of the environment, and the
    organisation's ``own``.

    After a redirect to another host, scheme or port (not ``at_home``) personal headers, and those that name a secret,
    are dropped. Raises a final ``StepError``: ``bad_arguments``, ``unknown_secret``.
    """
    if len(headers) > MAX_HEADERS or sum(map(len, headers.values())) > _MAX_CHARS:
        raise StepError("bad_arguments", f"there are more than {MAX_HEADERS} headers, or they are too long")
    found: list[tuple[bytes, bytes]] = [(b"accept-encoding", b"identity")]
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise StepError("bad_arguments", f"the header {name[:100]!r} has characters that no header may have")
        if lower in _RESERVED:
            raise StepError("bad_arguments", f"the header {name!r} is set by the tool itself; remove it")
        if at_home or not (lower in _PERSONAL or _SECRET.search(value) or REFERENCE.search(value)):
            found.append((lower.encode(), _filled(value, secrets, host, own).encode("latin-1")))
    return found


def without_secrets(value: Any, secrets: Mapping[str, Secret]) -> Any:
    """Return a JSON value with every secret in it replaced by its name, since hosts echo their requests."""
    if isinstance(value, str):
        for name, secret in secrets.items():
            value = value.replace(secret.value, f"${{ENV:{name}}}")
        return value
    if isinstance(value, dict):
        return {without_secrets(key, secrets): without_secrets(item, secrets) for key, item in value.items()}
    return [without_secrets(item, secrets) for item in value] if isinstance(value, list) else value


def _filled(value: str, secrets: Mapping[str, Secret], host: str, own: Mapping[str, str]) -> str:
    def secret(match: re.Match[str]) -> str:
        known = secrets.get(match[1])
        if known is None or known.host not in ("", host):
            raise StepError(
                "unknown_secret",
                f"{match[0]} is no secret that {host} may get; an operator adds {match[1]}@{host} to HTTP_SECRETS",
            )
        return known.value

    # In one go each: a secret's value is not looked at for references.
    parts = REFERENCE.split(value)
    found = "".join(own[part] if at % 2 else _SECRET.sub(secret, part) for at, part in enumerate(parts))
    if not _VALUE.fullmatch(found):
        raise StepError("bad_arguments", "a secret has characters that no header may have")
    return found
