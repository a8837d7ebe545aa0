"""What a worker's model calls ask and write: providers, routes, prices, holds, quotas, caches."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from connectors.embeddings.static import load_embedder
from connectors.postgres.batches import PostgresBatches
from connectors.providers.base import Provider
from connectors.providers.batching.services import batch_services
from connectors.redis.breakers import RedisBreakers
from connectors.redis.holds import RedisHolds
from connectors.redis.quotas import RedisQuotas
from connectors.redis.readers.routes import RouteReader
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from schemas.batches import BATCH_HOLD_MS
from services.caching.policy import ttls_of
from services.caching.ports import CachePorts
from services.calls.coalescing import Coalescer
from services.calls.ports import Batching, CallPorts
from services.calls.provider_keys import ProviderKeys
from services.prices.lists import PriceLists
from services.quotas.keeper import QuotaKeeper
from services.quotas.learned import debt
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from streams.process.context import RoleContext
from streams.roles.provider_clients import endpoints, provider_keys, providers_of
from streams.roles.worker.wiring.definitions import Definitions, followed_definitions
from streams.roles.worker.wiring.parts import Parts
from streams.runtime.routing import to_out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """The providers that calls may go to, organisations' keys of them, and the room that quotas leave."""

    providers: Mapping[str, Provider]
    keys: ProviderKeys | None
    quotas: QuotaKeeper


def call_ports(parts: Parts) -> CallPorts:
    """Return what calls ask and write. Raises ``ValueError`` for a wrong setting."""
    ctx, definitions = parts.ctx, followed_definitions(parts)
    reach, hold_ttl_ms = _reach(parts, definitions), ctx.settings.tables.hold_ttl_ms
    holds = partial(RedisHolds, ctx.pipelined(), definitions.budgets, ctx.settings.kafka.partitions)
    return CallPorts(
        providers=reach.providers,
        router=_router(ctx, reach, definitions.prices),
        prices=definitions.prices,
        holds=holds(hold_ttl_ms),
        announce=lambda call: parts.outbox.send([to_out(call)]),
        cache=_cache(ctx),
        objects=parts.objects,
        clock=ctx.clock,
        aborts=parts.aborts,
        hold_ttl_ms=hold_ttl_ms,
        lease_ms=ctx.settings.worker.claim_lease_ms,
        stops=definitions.stops,
        quotas=reach.quotas,
        keys=reach.keys,
        joint_embeddings=_joint_embeddings(ctx, definitions.prices),
        batching=_batching(ctx, reach, holds(BATCH_HOLD_MS)),
        policies=parts.policies,
        facts=definitions.facts,
    )


def _reach(parts: Parts, definitions: Definitions) -> _Reach:
    ctx, keys = parts.ctx, provider_keys(parts.ctx)
    providers = providers_of(ctx, keyless=keys is not None)
    counted, own = RedisQuotas(ctx.pipelined(), debt), None if keys is None else keys.name
    quotas = QuotaKeeper(definitions.quotas, counted, _credentials(ctx), own, parts.metrics.quota_wait)
    return _Reach(providers=providers, keys=keys, quotas=quotas)


def _router(ctx: RoleContext, reach: _Reach, prices: PriceLists) -> PolicyRouter:
    return PolicyRouter(
        Models.load(ctx.settings.providers.routes_file),
        reach.providers,
        lambda org_id, *call: prices.of(org_id, ctx.clock.now_ms()).estimate(*call),
        RouteReader(ctx.pipelined(), ctx.settings.kafka.partitions),
        RedisBreakers(ctx.pipelined()),
        reach.quotas,
        keys=reach.keys,
    )


def _cache(ctx: RoleContext) -> CachePorts:
    cache = ctx.settings.cache
    stored = RedisResponseCache(ctx.cache_redis(), bounds_of(cache))
    return CachePorts(stored, ttls_of(cache.ttl), load_embedder, enabled=cache.enabled)


def _joint_embeddings(ctx: RoleContext, prices: PriceLists) -> Coalescer | None:
    window_ms = ctx.settings.providers.embeddings_window_ms
    if window_ms <= 0:
        return None
    joint = Coalescer(prices, ctx.clock, window_ms)
    ctx.on_close(joint.close)
    return joint


def _batching(ctx: RoleContext, reach: _Reach, holds: RedisHolds) -> Batching | None:
    """Return what calls need that go by batch; ``None`` where none may."""
    settings = ctx.settings.batches
    if not settings.enabled:
        return None
    return Batching(
        calls=PostgresBatches(ctx.database()),
        services=batch_services(reach.providers),
        holds=holds,
        least_sla_ms=int(settings.min_sla_s * 1000),
        key_name=None if reach.keys is None else reach.keys.name,
    )


def _credentials(ctx: RoleContext) -> dict[str, str]:
    """Return a name of each provider's key that is the same in all processes and reveals nothing of it."""
    named = ((name, f"{name}:{endpoint.base_url}:{endpoint.api_key}") for name, endpoint in endpoints(ctx).items())
    return {name: sha256(text.encode()).hexdigest()[:8] for name, text in named}
