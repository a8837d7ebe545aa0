"""The model providers of a process, by name."""

from connectors.providers.base import Provider
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.local.client import LocalHttpProvider
from connectors.providers.local.provider import LocalProvider
from connectors.providers.openai import OPENAI_BASE_URL, OpenAIProvider

#: The provider that is asked where a call names none (``services.routing.router``).
DEFAULT_PROVIDER = "local"
#: Every name that ``build_providers`` may return.
PROVIDER_NAMES = frozenset({"local", "openai"})


def provider_names(openai_api_key: str = "", openai_base_url: str = OPENAI_BASE_URL) -> frozenset[str]:
    """Return the names of what ``build_providers`` returns for these settings."""
    has_openai = bool(openai_api_key) or openai_base_url.rstrip("/") != OPENAI_BASE_URL
    return PROVIDER_NAMES if has_openai else frozenset({"local"})


def build_providers(
    *,
    openai_api_key: str = "",
    openai_base_url: str = OPENAI_BASE_URL,
    local_url: str = "",
    behaviour: LocalBehaviour | None = None,
) -> dict[str, Provider]:
    """Return the providers by name; the caller closes them.

    ``local`` always exists: in this process with ``behaviour``, or, with ``local_url``, behind that server, which has a
    behaviour of its own. ``openai`` exists if it can work: with a key, or at a base URL other than OpenAI's, where a
    key may not be needed.
    """
    providers: dict[str, Provider] = {"local": LocalHttpProvider(local_url) if local_url else LocalProvider(behaviour)}
    if "openai" in provider_names(openai_api_key, openai_base_url):
        providers["openai"] = OpenAIProvider(openai_api_key, openai_base_url)
    return providers
