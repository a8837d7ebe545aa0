"""How each dependency of a process is asked whether it is there, on connections that no work waits on."""

from collections.abc import Callable, Sequence

from connectors.redis.client import connect, ping
from streams.process.context import RoleContext
from streams.process.dependencies import Ask
from streams.process.spec import Dependency, RoleSpec, needed, optional


def probes(ctx: RoleContext, specs: Sequence[RoleSpec]) -> dict[str, Ask]:
    """Return how to ask what these roles need, and what they use where this deployment has it."""
    found = {dependency: _PROBES[dependency](ctx) for dependency in Dependency if dependency in needed(specs)}
    used = {dependency: _PROBES[dependency](ctx) for dependency in Dependency if dependency in optional(specs)}
    return {str(dependency): ask for dependency, ask in (found | used).items() if ask is not None}


def _kafka(ctx: RoleContext) -> Ask:
    return ctx.log.ping


def _redis(ctx: RoleContext) -> Ask:
    redis = connect(ctx.settings.redis.url.get_secret_value())
    ctx.on_close(redis.aclose)
    return lambda: ping(redis)


def _postgres(ctx: RoleContext) -> Ask:
    return ctx.database(max_connections=1).ping


def _clickhouse(ctx: RoleContext) -> Ask:
    return ctx.clickhouse().ping


def _nats(ctx: RoleContext) -> Ask | None:
    nats = ctx.nats("agentflow-ping")
    return nats.ping if nats is not None else None


def _vault(ctx: RoleContext) -> Ask | None:
    dsn = ctx.settings.vault.dsn.get_secret_value()
    return ctx.database(max_connections=1, dsn=dsn).ping if dsn else None


_PROBES: dict[Dependency, Callable[[RoleContext], Ask | None]] = {
    Dependency.KAFKA: _kafka,
    Dependency.REDIS: _redis,
    Dependency.POSTGRES: _postgres,
    Dependency.CLICKHOUSE: _clickhouse,
    Dependency.NATS: _nats,
    Dependency.VAULT: _vault,
}
