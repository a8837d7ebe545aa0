"""The model providers of a process, by name. A new one is a folder, a line here and its settings."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

from connectors.providers.anthropic.provider import ANTHROPIC_BASE_URL, AnthropicProvider
from connectors.providers.base import Provider
from connectors.providers.cohere.provider import COHERE_BASE_URL, CohereProvider
from connectors.providers.compatible.wire import CompatibleProvider
from connectors.providers.connections import ConnectionsFile
from connectors.providers.google.provider import GOOGLE_BASE_URL, GoogleProvider
from connectors.providers.http_provider import HttpProvider
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.local.client import LocalHttpProvider
from connectors.providers.local.provider import LocalProvider
from connectors.providers.names import DEFAULT_PROVIDER
from connectors.providers.openai.provider import OPENAI_BASE_URL, OpenAIProvider


class Endpoint(NamedTuple):
    """Where a provider is, and the key to it. An empty URL is the provider's own."""

    api_key: str = ""
    base_url: str = ""


class _Kind(NamedTuple):
    make: Callable[[str, str], Provider]
    home: str


#: Each provider's class and its own base URL; ``compatible`` has none.
PROVIDERS: Mapping[str, _Kind] = {
    "openai": _Kind(OpenAIProvider, OPENAI_BASE_URL),
    "anthropic": _Kind(AnthropicProvider, ANTHROPIC_BASE_URL),
    "google": _Kind(GoogleProvider, GOOGLE_BASE_URL),
    "cohere": _Kind(CohereProvider, COHERE_BASE_URL),
    "compatible": _Kind(CompatibleProvider, ""),
}


def provider_names(endpoints: Mapping[str, Endpoint] | None = None) -> frozenset[str]:
    """Return the names of what ``build_providers`` returns for these endpoints."""
    return frozenset({DEFAULT_PROVIDER, *(name for name, one in (endpoints or {}).items() if _works(name, one))})


def _works(name: str, endpoint: Endpoint) -> bool:
    url = endpoint.base_url.rstrip("/") or PROVIDERS[name].home
    return bool(url) and (bool(endpoint.api_key) or url != PROVIDERS[name].home)


OpenAIWire = Literal["chat", "responses"]


def build_providers(
    endpoints: Mapping[str, Endpoint] | None = None,
    *,
    openai_wire: OpenAIWire = "chat",
    local_url: str = "",
    behaviour: LocalBehaviour | None = None,
    keyless: bool = False,
    connections: ConnectionsFile | None = None,
) -> dict[str, Provider]:
    """Return the providers by name; the caller closes them.

    ``local`` always exists: in this process with ``behaviour``, or, with ``local_url``, behind that server, which has a
    behaviour of its own. The others exist if they can work: with a key, or at a base URL other than the provider's own,
    where a key may not be needed. With ``keyless`` those without a key exist, too: requests bring
    theirs. ``openai`` speaks chat completions or, by ``openai_wire``, responses.
    """
    kinds = dict(PROVIDERS) | {"openai": _Kind(partial(OpenAIProvider, wire=openai_wire), OPENAI_BASE_URL)}
    providers: dict[str, Provider] = {"local": LocalHttpProvider(local_url) if local_url else LocalProvider(behaviour)}
    for name, endpoint in (endpoints or {}).items():
        url = endpoint.base_url.rstrip("/") or kinds[name].home
        if _works(name, endpoint) or (keyless and url):
            made = providers[name] = kinds[name].make(endpoint.api_key, url)
            if connections is not None and isinstance(made, HttpProvider):
                made.configure(connections.of(name))
    return providers
