"""The worker role: attempts of steps, from the lanes of qualities and queues to their outcomes in the log."""

import asyncio
import socket
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

from connectors.aio.cancel import end
from connectors.embeddings.static import load_embedder
from connectors.kafka.definitions_consumer import DecisionsFollower, DefinitionsFollower
from connectors.objects.store import Objects
from connectors.ports.pubsub import CANCELS
from connectors.postgres.batches import PostgresBatches
from connectors.postgres.tools.mcp import McpStore
from connectors.postgres.tools.secrets import SecretStore
from connectors.prices.book import PriceBook
from connectors.provider_facts import load_facts
from connectors.providers.base import Provider
from connectors.providers.batching.services import batch_services
from connectors.providers.custom.building import stated_prices
from connectors.providers.custom.registry import CUSTOM
from connectors.providers.registry import provider_names
from connectors.redis.breakers import RedisBreakers
from connectors.redis.claims.leases import RedisLeases
from connectors.redis.holds import RedisHolds
from connectors.redis.quotas import RedisQuotas
from connectors.redis.readers.routes import RouteReader
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from connectors.redis.shadow_answers import ShadowAnswers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import PRODUCERS, REGISTRY
from connectors.tools.environment import environment_of
from connectors.tools.isolation.process_pool import MAX_PROCESSES, Processes
from connectors.tools.isolation.process_wire import Place
from connectors.tools.isolation.raised import contain_tasks
from connectors.tools.metrics import ToolMetrics
from schemas.batches import BATCH_HOLD_MS
from schemas.records.definitions import Definition
from schemas.spec.policy import TIERS
from services.budgets.definitions import BudgetDefinitions
from services.budgets.stops import StopDefinitions
from services.caching.policy import ttls_of
from services.caching.ports import CachePorts
from services.calls.cancellation import Cancellations
from services.calls.coalescing import Coalescer
from services.calls.pipeline import call_stages, compose
from services.calls.ports import Batching, CallPorts
from services.calls.provider_keys import ProviderKeys
from services.observability.replay.divergence import Watches
from services.prices.lists import PriceLists
from services.privacy.redact.standard import redactors_of
from services.privacy.subjects.erasure import Forgets
from services.privacy.subjects.outcomes import OutcomeSeals
from services.prompts.evaluations.functions import register
from services.prompts.rollouts.withdrawals import Withdrawals
from services.quotas.keeper import QuotaKeeper
from services.quotas.learned import debt
from services.quotas.rules import QuotaRules, QuotasFile
from services.routing.models import Models
from services.routing.policy_router import PolicyRouter
from services.runs.attempts.answer_guards import AnswerGuards
from services.runs.attempts.private import AttemptPrivacy
from services.runs.attempts.tool_guard import ToolGuard
from services.runs.attempts.watched import Watchers
from services.security.compliance.known import KnownFacts
from services.security.enforcement.known import KnownPolicies
from services.security.guards.installed import installed_scorers
from services.tools.installed_mcp import installed_servers
from services.tools.mcp import McpServers
from services.tools.secrets import ToolSecrets
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.provider_clients import endpoints, provider_keys, providers_of
from streams.roles.worker.attempt import Attempts, AttemptSpec
from streams.roles.worker.executor import Executor, Tooling
from streams.roles.worker.heartbeat import Heartbeat, voice
from streams.roles.worker.metrics import WorkerMetrics
from streams.roles.worker.poll_handler import Worker
from streams.roles.worker.producer import Outbox
from streams.roles.worker.references import ReferencePorts, References
from streams.roles.worker.rollouts import Rollouts
from streams.roles.worker.shadows import MakeCall
from streams.runtime.consumer.transport import Reads
from streams.runtime.routing import to_out
from topics import catalogue

#: A worker fetches little: what it has no room for stays in the log.
FETCH_BYTES = 256 * 1024


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    settings = ctx.settings.worker
    worker_id = settings.id or f"{socket.gethostname()}-{id(ctx):x}"
    lanes = lanes_of(settings.queues)
    ctx.load_tools()
    register(REGISTRY)
    _isolate(ctx)
    policies = KnownPolicies()
    metrics, outbox, aborts = WorkerMetrics(ctx.registry), Outbox(ctx.log, ctx.clock), Cancellations(ctx.clock)
    ctx.registry.register(ToolMetrics())
    bus = ctx.bus(SPEC.name)
    bus.subscribe(CANCELS, lambda _, run_id: aborts.end(run_id.decode()))
    watchers = Watchers(bus, ctx.clock)
    attempts = Attempts(
        AttemptSpec(worker_id=worker_id, lease_ms=settings.claim_lease_ms),
        executor=_executor(ctx, worker_id, metrics, outbox, aborts, policies, watchers),
        claims=RedisLeases(ctx.pipelined(), ctx.settings.kafka.partitions, worker_id, settings.claim_lease_ms),
        outbox=outbox,
        clock=ctx.clock,
        metrics=metrics,
    )
    handler = Worker(
        attempts=attempts,
        outbox=outbox,
        clock=ctx.clock,
        metrics=metrics,
        calls=REGISTRY,
        concurrency=settings.concurrency,
    )
    _beat(ctx, worker_id, lanes, handler)
    reads = Reads(topics=lanes, fetch_bytes=FETCH_BYTES, marks_ends=True)
    return ctx.app(SPEC.name, handler, reads, drain_s=settings.drain_s)


def lanes_of(queues: str) -> tuple[str, ...]:
    """Return the topics that a worker reads. Raises ``ValueError`` for a setting that names none, or not well."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    if not names:
        raise ValueError(f"WORKER_QUEUES={queues!r} names no queue; leave it out to serve gold, silver and bronze")
    own = [name for name in names if name not in TIERS]
    if own:
        catalogue.queue_topics(own)
    return tuple(catalogue.lane(name) for name in dict.fromkeys(names))


def _isolate(ctx: RoleContext) -> None:
    """Prepare what keeps user code from taking the worker with it."""
    settings = ctx.settings.worker
    processes = Processes(
        min(settings.concurrency, MAX_PROCESSES), lambda: [Place.of(entry.make) for entry in REGISTRY.in_processes()]
    )
    REGISTRY.isolate(processes, settings.isolation)
    ctx.on_close(processes.close)
    loop = asyncio.get_running_loop()
    contain_tasks(loop)
    if REGISTRY.in_processes():
        warming = loop.create_task(processes.warm(), name="warm processes")
        ctx.on_close(lambda: end(warming))


def _beat(ctx: RoleContext, worker_id: str, lanes: tuple[str, ...], handler: Worker) -> None:
    concurrency, started_ms = ctx.settings.worker.concurrency, ctx.clock.now_ms()
    providers = provider_names(endpoints(ctx)) | CUSTOM.names()
    say = voice(worker_id, lanes, concurrency, lambda: handler.in_flight, started_ms, providers)
    heart = Heartbeat(WorkerRegistry(ctx.redis), say)
    heart.start()
    ctx.on_close(heart.stop)


def _executor(
    ctx: RoleContext,
    worker_id: str,
    metrics: WorkerMetrics,
    outbox: Outbox,
    aborts: Cancellations,
    policies: KnownPolicies,
    watchers: Watchers,
) -> Executor:
    settings, objects, keys = ctx.settings, ctx.objects(), ctx.subject_keys()
    world = environment_of(settings, ctx.env)
    tooling = Tooling(
        registry=REGISTRY,
        documents_dir=Path(settings.tools.documents_dir),
        world=world,
        secrets=_secrets(ctx),
        mcp=McpServers(
            McpStore(ctx.database(max_connections=2)), world.http, installed_servers(settings.tools.mcp_servers_file)
        ),
    )
    call_model = compose(call_stages(_call_ports(ctx, metrics, objects, outbox, aborts, policies)))
    executor = Executor(
        worker_id,
        tooling,
        call_model=call_model,
        objects=objects,
        clock=ctx.clock,
        aborts=aborts,
        rollouts=_rollouts(ctx, outbox),
        shadow_answers=ShadowAnswers(ctx.pipelined()),
        guard=ToolGuard(policies, lambda records: outbox.send([to_out(one) for one in records]), ctx.clock),
        answer_guards=AnswerGuards(policies, installed_scorers()),
        references=partial(_references, ctx, metrics, outbox),
        privacy=AttemptPrivacy(policies, redactors_of(ctx.vault(), metrics), ctx.clock),
        seals=None if keys is None else OutcomeSeals(objects, keys, ctx.clock),
        watchers=watchers,
    )
    ctx.on_close(PRODUCERS.close)
    ctx.on_close(executor.close)
    return executor


def _references(ctx: RoleContext, metrics: WorkerMetrics, outbox: Outbox, call: MakeCall) -> References:
    ports = ReferencePorts(
        call=call,
        say=lambda records: outbox.send([to_out(one) for one in records]),
        clock=ctx.clock,
        count=metrics.reference,
    )
    return References(Watches.load(ctx.settings.references.file), ports)


def _secrets(ctx: RoleContext) -> ToolSecrets | None:
    kms = ctx.kms()
    return None if kms is None else ToolSecrets(SecretStore(ctx.database(), kms))


def _rollouts(ctx: RoleContext, outbox: Outbox) -> Rollouts:
    decided = Withdrawals()
    follower = DecisionsFollower(ctx.settings.kafka.bootstrap, decided.apply, decided.mark_loaded)
    follower.start()
    ctx.on_close(follower.stop)
    return Rollouts(decided, lambda records: outbox.send([to_out(one) for one in records]), ctx.clock)


def _call_ports(
    ctx: RoleContext,
    metrics: WorkerMetrics,
    objects: Objects,
    outbox: Outbox,
    aborts: Cancellations,
    policies: KnownPolicies,
) -> CallPorts:
    settings = ctx.settings
    definitions, stops = BudgetDefinitions(), StopDefinitions()
    prices = PriceLists(PriceBook.load(settings.providers.prices_file, stated_prices()))
    facts = KnownFacts(load_facts(settings.providers.facts_file))
    rules = QuotaRules(QuotasFile.load(settings.providers.quotas_file), learns=settings.providers.quotas_learned)

    def apply(definition: Definition) -> None:
        stops.apply(definition)
        definitions.apply(definition)
        rules.apply(definition)
        prices.apply(definition)
        facts.apply(definition)
        policies.apply(definition)
        forgets.apply(definition)

    def mark_loaded() -> None:
        prices.mark_loaded()
        facts.mark_loaded()
        stops.mark_loaded()
        definitions.mark_loaded()
        policies.mark_loaded()

    forgets = Forgets(ctx.subject_keys(), objects)
    follower = DefinitionsFollower(settings.kafka.bootstrap, apply, mark_loaded)
    follower.start()
    ctx.on_close(follower.stop)
    hold_ttl_ms = settings.tables.hold_ttl_ms
    keys = provider_keys(ctx)
    providers = providers_of(ctx, keyless=keys is not None)
    quotas = QuotaKeeper(
        rules,
        RedisQuotas(ctx.pipelined(), debt),
        _credentials(ctx),
        None if keys is None else keys.name,
        metrics.quota_wait,
    )
    holds = partial(RedisHolds, ctx.pipelined(), definitions, settings.kafka.partitions)
    return CallPorts(
        providers=providers,
        router=PolicyRouter(
            Models.load(settings.providers.routes_file),
            providers,
            lambda org_id, *call: prices.of(org_id, ctx.clock.now_ms()).estimate(*call),
            RouteReader(ctx.pipelined(), settings.kafka.partitions),
            RedisBreakers(ctx.pipelined()),
            quotas,
            keys=keys,
        ),
        prices=prices,
        holds=holds(hold_ttl_ms),
        announce=lambda call: outbox.send([to_out(call)]),
        cache=CachePorts(
            RedisResponseCache(ctx.cache_redis(), bounds_of(settings.cache)),
            ttls_of(settings.cache.ttl),
            load_embedder,
            enabled=settings.cache.enabled,
        ),
        objects=objects,
        clock=ctx.clock,
        aborts=aborts,
        hold_ttl_ms=hold_ttl_ms,
        lease_ms=settings.worker.claim_lease_ms,
        stops=stops,
        quotas=quotas,
        keys=keys,
        joint_embeddings=_joint_embeddings(ctx, prices),
        batching=_batching(ctx, providers, holds(BATCH_HOLD_MS), keys),
        policies=policies,
        facts=facts,
    )


def _joint_embeddings(ctx: RoleContext, prices: PriceLists) -> Coalescer | None:
    window_ms = ctx.settings.providers.embeddings_window_ms
    if window_ms <= 0:
        return None
    joint = Coalescer(prices, ctx.clock, window_ms)
    ctx.on_close(joint.close)
    return joint


def _batching(
    ctx: RoleContext, providers: Mapping[str, Provider], holds: RedisHolds, keys: ProviderKeys | None
) -> Batching | None:
    """Return what calls need that go by batch; ``None`` where none may."""
    settings = ctx.settings.batches
    if not settings.enabled:
        return None
    return Batching(
        calls=PostgresBatches(ctx.database()),
        services=batch_services(providers),
        holds=holds,
        least_sla_ms=int(settings.min_sla_s * 1000),
        key_name=None if keys is None else keys.name,
    )


def _credentials(ctx: RoleContext) -> dict[str, str]:
    """Return a name of each provider's key that is the same in all processes and reveals nothing of it."""
    named = ((name, f"{name}:{endpoint.base_url}:{endpoint.api_key}") for name, endpoint in endpoints(ctx).items())
    return {name: sha256(text.encode()).hexdigest()[:8] for name, text in named}


SPEC = RoleSpec(
    name="worker",
    summary="works on the attempts of steps",
    build=build,
    reads=(catalogue.STEP_REQUESTS, catalogue.DEFINITIONS, catalogue.DEPLOYMENT_DECISIONS),
    writes=(
        catalogue.RUN_EVENTS,
        catalogue.PROVIDER_CALLS,
        catalogue.COST_EVENTS,
        catalogue.TRACE_SPANS,
        catalogue.ROUTE_OUTCOMES,
        catalogue.DEPLOYMENT_OUTCOMES,
        catalogue.QUALITY_SCORES,
        catalogue.AUDIT_EVENTS,
    ),
    needs=(Dependency.KAFKA, Dependency.REDIS),
    uses=(Dependency.NATS, Dependency.VAULT),
)
