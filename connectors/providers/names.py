"""The names of the providers that come with AgentFlow, without what they import."""

DEFAULT_PROVIDER = "local"
"""The provider that is asked where a call names none (``services.routing.router``)."""

DEFAULT_MODELS = {"gold": "local-gold", "silver": "local-silver", "bronze": "local-bronze"}
"""The model of it that is asked where a call names none, by quality."""

PROVIDER_NAMES = frozenset({DEFAULT_PROVIDER, "openai", "anthropic", "google", "cohere", "compatible"})
"""Every name that ``registry.build_providers`` may return."""
