"""The model providers of a role, and the keys that organisations bring along."""

from pydantic import SecretStr

from connectors.postgres.vault import Vault
from connectors.providers.base import Provider
from connectors.providers.connections import ConnectionsFile
from connectors.providers.custom.building import build_custom
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.registry import Endpoint, build_providers, provider_names
from services.calls.provider_keys import ProviderKeys
from streams.process.context import RoleContext


def provider_keys(ctx: RoleContext) -> ProviderKeys | None:
    """Return the keys of organisations; ``None`` without ``VAULT_KEY``. Raises ``ValueError``."""
    kms = ctx.kms()
    if kms is None:
        return None
    given = endpoints(ctx)
    return ProviderKeys(Vault(ctx.database(), kms), given.keys() - provider_names(given))


def providers_of(ctx: RoleContext, *, keyless: bool) -> dict[str, Provider]:
    """Return the providers of a role, closed with it. With ``keyless`` those without a key are among them."""
    settings = ctx.settings.providers
    behaviour = LocalBehaviour(
        latency_ms=settings.local_latency_ms,
        error_rate=settings.local_error_rate,
        rate_limit_per_s=settings.local_rate_limit_per_s,
    )
    providers = build_providers(
        endpoints(ctx),
        openai_wire=settings.openai_wire,
        local_url=settings.local_url,
        behaviour=behaviour,
        connections=ConnectionsFile.load(settings.connections_file),
        keyless=keyless,
    )
    providers |= build_custom()
    for provider in providers.values():
        ctx.on_close(provider.close)
    return providers


def endpoints(ctx: RoleContext) -> dict[str, Endpoint]:
    """Return where providers are, and the environment's keys to them."""
    settings = ctx.settings.providers
    return {
        "openai": _endpoint(settings.openai_api_key, settings.openai_base_url),
        "anthropic": _endpoint(settings.anthropic_api_key, settings.anthropic_base_url),
        "google": _endpoint(settings.google_api_key, settings.google_base_url),
        "cohere": _endpoint(settings.cohere_api_key, settings.cohere_base_url),
        "compatible": _endpoint(settings.compatible_api_key, settings.compatible_base_url),
    }


def _endpoint(api_key: SecretStr, base_url: str) -> Endpoint:
    return Endpoint(api_key.get_secret_value(), base_url)
