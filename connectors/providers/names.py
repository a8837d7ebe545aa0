"""The names of the providers that come with AgentFlow, without what they import."""

DEFAULT_PROVIDER = "local"
"""The provider that is asked where a call names none (``services.routing.router``)."""

PROVIDER_NAMES = frozenset({DEFAULT_PROVIDER, "openai", "anthropic", "google", "cohere", "compatible"})
"""Every name that ``registry.build_providers`` may return."""
