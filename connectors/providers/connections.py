"""How services of providers are reached: proxies, headers, limits of time and connections, by the platform's file.

It is the platform's alone: an organisation that could name a proxy or an address could reach what this network hides.
"""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, SecretStr

from connectors.providers.names import DEFAULT_PROVIDER, PROVIDER_NAMES
from schemas.values.fields import file_faults

#: What wires and the client set themselves.
_OURS = frozenset(
    {"authorization", "x-api-key", "x-goog-api-key", "anthropic-version", "content-type", "content-length", "host"}
    | {"accept", "accept-encoding", "transfer-encoding", "connection", "idempotency-key"}
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise ValueError(f"the header {name!r} is none; write its name and a value of printable ASCII")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name!r} is set by AgentFlow; remove it")
    return headers


def _checked_proxy(proxy: SecretStr | None) -> SecretStr | None:
    if proxy is not None and not re.match(r"https?://[^/\s]+/?$", proxy.get_secret_value()):
        raise ValueError("the proxy is no URL such as http://user:password@proxy.internal:3128; correct it")
    return proxy


class Connection(BaseModel):
    """How one provider's service is reached. ``silence_ms`` is how long an answer that has begun may stop.

    Without ``proxy`` those of the environment are used. More calls than ``connections`` wait within their own time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    proxy: Annotated[SecretStr | None, AfterValidator(_checked_proxy)] = None
    headers: Annotated[dict[str, str], AfterValidator(_checked_headers)] = {}
    connect_ms: int = Field(default=10_000, ge=1, le=60_000)
    silence_ms: int = Field(default=30_000, ge=1, le=600_000)
    connections: int = Field(default=200, ge=1, le=10_000)


USUAL = Connection()


class ConnectionsFile(RootModel[dict[str, Connection]]):
    """The file that ``PROVIDERS_FILE`` names: connections by provider."""

    @classmethod
    def load(cls, file: str) -> "ConnectionsFile":
        """Read a YAML file; no name is nothing. Raises ``ValueError`` that names the place of a mistake."""
        if not file:
            return cls({})
        with file_faults(f"the file of providers {file}", "PROVIDERS_FILE"):
            try:
                found = cls.model_validate(yaml.safe_load(Path(file).read_text("utf-8")) or {})
            except yaml.YAMLError as exc:
                raise ValueError(f"the file of providers {file} is not YAML; see PROVIDERS_FILE") from exc
        known = PROVIDER_NAMES - {DEFAULT_PROVIDER}
        if unknown := found.root.keys() - known:
            raise ValueError(
                f"the file of providers {file} names {min(unknown)!r}, which is none of {', '.join(sorted(known))}"
            )
        return found

    def of(self, provider: str) -> Connection:
        """Return a provider's connection; the usual one where the file has none."""
        return self.root.get(provider, USUAL)
