"""The batch APIs of a process' providers."""

from collections.abc import Mapping

from connectors.providers.anthropic.provider import AnthropicProvider
from connectors.providers.base import Provider
from connectors.providers.batching.anthropic import AnthropicBatches
from connectors.providers.batching.openai import OpenAIBatches
from connectors.providers.batching.port import BatchService
from connectors.providers.openai.provider import OpenAIProvider


def batch_services(providers: Mapping[str, Provider]) -> dict[str, BatchService]:
    """Return the batch API of each provider that has one, by the provider's name."""
    found: dict[str, BatchService] = {}
    for name, provider in providers.items():
        if isinstance(provider, OpenAIProvider) and name == "openai":
            found[name] = OpenAIBatches(provider, provider.base_url)
        elif isinstance(provider, AnthropicProvider):
            found[name] = AnthropicBatches(provider)
    return found
