"""How the API's services are made of its clients."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import partial

from api.auth import Authenticator
from api.clients import DEPENDENCY_TIMEOUT_S, Clients
from api.dead_letters import DeadLetters
from api.http.concurrency_limit import Bound
from api.http.rate_limit import RateLimits
from api.leases import LeaseServices, Presence, Queues
from api.metrics.backups import BackupAge
from api.metrics.budget_gauges import BudgetShares
from api.metrics.certificates import paths_of
from api.metrics.exposition import Exposition
from api.metrics.measures import Measures
from api.metrics.role_counters import RoleCounters
from api.publisher import Publisher
from api.run_wiring import STREAMS_RETRY_S, RunWiring
from api.services import (
    AccessServices,
    AuditServices,
    DefinitionServices,
    EvaluationServices,
    LimitServices,
    ListTopics,
    MoneyServices,
    OperationServices,
    OtlpServices,
    RetentionServices,
    RolloutServices,
    RunServices,
    ScheduleServices,
    SecurityServices,
    Services,
    TopicCreators,
    TraceServices,
)
from api.tokens import OidcTokens
from api.trigger_wiring import triggers_of
from connectors.aio.clock import WallClock
from connectors.clickhouse.bill_rows import BillRows
from connectors.clickhouse.call_facts import CallFacts
from connectors.clickhouse.cost_sums import CostSums
from connectors.clickhouse.models_used import ModelsUsed
from connectors.clickhouse.policy_calls import PolicyCalls
from connectors.clickhouse.route_log import RouteLog
from connectors.clickhouse.run_deletion import RunTraces
from connectors.clickhouse.run_spans import RunSpans
from connectors.clickhouse.score_points import ScorePoints
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.clickhouse.trace_groups import TraceGroups
from connectors.clickhouse.trace_query import TraceQueries
from connectors.clickhouse.traces import Traces
from connectors.kafka.deadline_appender import Appender, DeadlineAppender
from connectors.oidc.issuer import Issuer
from connectors.ports.engine import OutRecord
from connectors.postgres.audit.holds import AuditHolds
from connectors.postgres.audit.reading import AuditReads
from connectors.postgres.batch_reader import BatchReader
from connectors.postgres.datasets import Datasets
from connectors.postgres.evaluations import Evaluations
from connectors.postgres.history.run_deletion import RunDeletion
from connectors.postgres.history.run_facts import RunFactsReader
from connectors.postgres.history.run_holds import RunHolds
from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.history.trace_runs import TraceRuns
from connectors.postgres.keys import Keys
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.money.budgets import Budgets
from connectors.postgres.money.optimizer_changes import OptimizerChanges
from connectors.postgres.money.price_lists import PriceListStore
from connectors.postgres.money.quotas import Quotas
from connectors.postgres.money.stops import Stops
from connectors.postgres.organisations import Organisations, Projects
from connectors.postgres.outbox import Outbox
from connectors.postgres.policies.activations import PolicyActivations
from connectors.postgres.policies.facts import ProviderFactsStore
from connectors.postgres.policies.versions import PolicyVersions
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.deployments import PromptDeployments
from connectors.postgres.prompts.judgements import Judgements
from connectors.postgres.prompts.labels import PromptLabels
from connectors.postgres.prompts.scoring import PromptScoring
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.tools.mcp import McpStore
from connectors.postgres.tools.secrets import SecretStore
from connectors.postgres.vault import Vault
from connectors.postgres.webhooks.deliveries import WebhookDeliveries
from connectors.postgres.webhooks.stored import Webhooks
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from connectors.provider_facts import load_facts
from connectors.providers.custom.building import stated_prices
from connectors.redis.breakers import RedisBreakers
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts
from connectors.redis.client import ping
from connectors.redis.last_backup import last_backup
from connectors.redis.readers.admissions import AdmissionReader
from connectors.redis.readers.deployments import DeploymentReader
from connectors.redis.readers.series import SeriesReader
from connectors.redis.readers.spend import Spend
from connectors.redis.request_rates import RequestRates
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import REGISTRY
from connectors.tools.environment import http_rules, networks_of
from schemas import clock
from schemas.api_models.operations.admin import TopicAnswer
from schemas.clock import now_ms
from schemas.configuration.days import read_days
from schemas.configuration.kafka import Kafka
from schemas.records.definitions import AuditEvent
from schemas.settings import Oidc, Settings
from services.billing.bills import Bills
from services.budgets.opening import Opening
from services.budgets.targets import Targets
from services.caching.policy import ttls_of
from services.observability.causes import Causes
from services.observability.comparisons import Comparisons
from services.observability.otlp.incoming.receiver import ReceiverPorts, TraceReceiver
from services.observability.recordings import Recordings
from services.observability.replay.policy.replays import PolicyReplays
from services.observability.traces.reading import TraceReader
from services.optimizer.optimizer import Optimizer, OptimizerPorts
from services.prices.stored import StoredPrices
from services.privacy.redact.standard import redactors_of
from services.prompts.evaluations.functions import register
from services.prompts.evaluations.registering import Registering
from services.prompts.evaluations.results import EvaluationResults, ResultPorts
from services.prompts.evaluations.start import EvaluationStarts, StartPorts
from services.prompts.from_runs.cases import CasePorts, CasesOfRuns
from services.prompts.from_runs.datasets import DatasetsOfRuns
from services.prompts.live.judges import LiveJudges
from services.prompts.registry.prompts import PromptRegistry
from services.prompts.rollouts.control import Rollouts
from services.retention.deletion import Deletion
from services.retention.records import RunRecords
from services.retention.sweeper import KeptDays
from services.routing.evaluation import RouteEvaluations
from services.routing.models import Models
from services.runs.admission_required import Turns
from services.runs.attempts.lent_private import LentPrivacy
from services.runs.leasing.leases import StepLeases
from services.security.auditing import Auditing
from services.security.compliance.reporting import Reports
from services.security.oidc import ClaimMapping
from services.security.policies.active import ActivePolicies
from services.security.policies.pinning import Pinning
from services.security.policies.reading import Readings
from services.security.policies.restoring import ReaderRestores
from services.security.policies.wiring import ForRegistration
from services.security.tokens import Rules, TokenVerifier
from services.tools.installed_mcp import installed_servers
from services.tools.mcp import McpServers
from services.tools.mcp_surface import McpSurface
from services.tools.secrets import SecretSurface, ToolSecrets
from services.tools.server_labels import server_labels_of
from services.webhooks.surface import WebhookSurface
from services.workflows.checks import DocumentChecks
from services.workflows.registration import RegistrationPorts, Registrations
from services.workflows.resolver import WorkflowResolver
from topics.admin import TopicAdmin
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS, wanted
from topics.codec import encode
from topics.listing import listed

#: Each waits for its steps; all share one connection to Redis.
MAX_LEASE_REQUESTS = 512
#: Each may have some tens of MB while it is read.
MAX_OTLP_REQUESTS = 16


def services_of(settings: Settings, clients: Clients, topics: TopicCreators) -> Services:
    """Return the services. Raises ``ValueError`` for a wrong setting."""
    register(REGISTRY)
    appender = DeadlineAppender(clients.log, DEPENDENCY_TIMEOUT_S)
    workers, vault = WorkerRegistry(clients.redis, DEPENDENCY_TIMEOUT_S), _vault(clients)
    security = _security(settings, clients)
    definitions = _definitions(
        settings, clients, appender, topics, workers, vault, ForRegistration(security.active, security.facts)
    )
    limits = _limits(settings, clients, appender)
    runs = RunWiring(settings, clients, appender, definitions, limits, security).services()
    keys, budgets = Keys(clients.database), Budgets(clients.database)
    organisations, projects = Organisations(clients.database), Projects(clients.database)
    pepper = settings.security.key_pepper.get_secret_value()
    ledger, measures = SpendLedger(clients.clickhouse), Measures(runs.bound, runs.streams.bound)
    spend = Spend(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S)
    return Services(
        definitions=definitions,
        runs=runs,
        traces=_traces(clients, definitions, runs),
        evaluations=_evaluations(settings, clients, definitions, runs, security),
        rollouts=_rollouts(settings, clients, definitions),
        leases=_leases(settings, clients, definitions, runs, workers),
        otlp=_otlp(settings, clients, appender, definitions),
        schedules=ScheduleServices(stored=Schedules(clients.database), backfills=Backfills(clients.database)),
        money=MoneyServices(
            budgets=budgets,
            stops=Stops(clients.database),
            spend=spend,
            targets=Targets(definitions.workflows, projects, definitions.models, definitions.organisation_prices),
            ledger=ledger,
            bills=Bills(BillRows(clients.clickhouse), definitions.organisation_prices),
            opening=Opening(
                budgets,
                spend,
                ledger,
                clients.progress,
                appender,
                settings.kafka.partitions,
            ),
        ),
        optimizer=_optimizer(settings, clients, definitions),
        routing=RouteEvaluations(RouteLog(clients.clickhouse)),
        policies=PolicyReplays(PolicyCalls(clients.clickhouse), definitions.organisation_prices),
        limits=limits,
        quotas=Quotas(clients.database),
        batches=BatchReader(clients.database),
        cache=RedisResponseCache(clients.cache_redis, bounds_of(settings.cache)),
        access=AccessServices(
            keys=keys,
            organisations=organisations,
            projects=projects,
            rates=RateLimits(RequestRates(clients.redis), measures.uncounted),
            authenticator=Authenticator(keys, pepper, tokens=_tokens(settings.oidc, clients, organisations)),
            places=clients.places,
            vault=vault,
        ),
        security=security,
        vault=clients.vault,
        webhooks=_webhooks(settings, clients),
        retention=_retention(settings, clients, appender),
        secrets=_secrets(clients),
        mcp=_mcp(settings, clients),
        triggers=triggers_of(settings, clients, definitions.plans, runs.submissions, measures),
        audit=_audit(settings, clients, appender),
        operations=_operations(settings, clients, measures, workers),
    )


def _audit(settings: Settings, clients: Clients, appender: DeadlineAppender) -> AuditServices:
    auditing, reads = Auditing(appender), AuditReads(clients.database)
    return AuditServices(
        auditing=auditing,
        reads=reads,
        holds=AuditHolds(clients.database),
        reports=Reports(reads, auditing.event, now_ms),
        default_org_id=settings.api.default_org_id,
    )


def _security(settings: Settings, clients: Clients) -> SecurityServices:
    versions, activations = PolicyVersions(clients.database), PolicyActivations(clients.database)
    active, redactors = ActivePolicies(activations, versions), redactors_of(clients.vault)
    return SecurityServices(
        versions=versions,
        activations=activations,
        active=active,
        pinning=Pinning(active, REGISTRY.security, redactors, server_labels_of(settings, clients.database)),
        redactors=redactors,
        readings=Readings(active),
        facts=ProviderFactsStore(clients.database),
        restores=ReaderRestores(active, None if clients.vault is None else clients.vault.tokens),
        base_facts=load_facts(settings.providers.facts_file),
    )


def _tokens(oidc: Oidc, clients: Clients, organisations: Organisations) -> OidcTokens | None:
    if not oidc.issuer:
        return None
    mapping = ClaimMapping.of(oidc.org_claim, oidc.roles_claim, oidc.roles, oidc.organisations)
    issuer = Issuer(oidc.issuer, clients.oidc)
    return OidcTokens(TokenVerifier(Rules(oidc.issuer, oidc.audience), issuer), mapping, organisations.find)


def topic_creators(settings: Settings) -> TopicCreators:
    """Return what creates topics on the broker."""
    kafka = settings.kafka

    async def of_organisations(org_ids: Collection[str]) -> None:
        async with TopicAdmin(kafka.bootstrap) as admin:
            await admin.create(wanted(org_ids), kafka.partitions, kafka.replication, kafka.min_isr)

    async def of_queues(queues: Collection[str]) -> None:
        async with TopicAdmin(kafka.bootstrap) as admin:
            await admin.create_queues(queues, kafka.partitions, kafka.replication, kafka.min_isr)

    return TopicCreators(of_organisations=of_organisations, of_queues=of_queues)


def _webhooks(settings: Settings, clients: Clients) -> WebhookSurface:
    stored, deliveries = Webhooks(clients.database, clients.kms), WebhookDeliveries(clients.database)
    return WebhookSurface(stored, deliveries, networks_of(settings), WallClock())


def _mcp(settings: Settings, clients: Clients) -> McpSurface:
    # Secrets of organisations alone: those of the environment are the workers'.
    rules = http_rules(settings)
    store = McpStore(clients.database)
    secrets = None if clients.kms is None else ToolSecrets(SecretStore(clients.database, clients.kms))
    servers = McpServers(store, rules, installed_servers(settings.tools.mcp_servers_file))
    return McpSurface(store, servers, rules, secrets)


def _retention(settings: Settings, clients: Clients, appender: DeadlineAppender) -> RetentionServices:
    history = RunDeletion(clients.database)
    markers = SubmissionMarkers(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S)
    return RetentionServices(
        runs=KeptDays(settings.retention.runs_days, read_days(settings.retention.runs_days_of)),
        traces=KeptDays(settings.traces.days, read_days(settings.traces.days_of)),
        holds=RunHolds(clients.database),
        deletion=Deletion(history, RunRecords(RunTraces(clients.clickhouse), appender), markers, now_ms),
    )


def _secrets(clients: Clients) -> SecretSurface:
    return SecretSurface(None if clients.kms is None else SecretStore(clients.database, clients.kms))


def _vault(clients: Clients) -> Vault | None:
    return None if clients.kms is None else Vault(clients.database, clients.kms)


def _definitions(
    settings: Settings,
    clients: Clients,
    appender: DeadlineAppender,
    topics: TopicCreators,
    workers: WorkerRegistry,
    vault: Vault | None,
    policies: ForRegistration,
) -> DefinitionServices:
    workflows, prompts = Workflows(clients.database), Prompts(clients.database)
    lists = PriceListStore(clients.database)

    def book() -> PriceBook:
        return PriceBook.load(settings.providers.prices_file, stated_prices())

    prices = StoredPrices(book, lists)
    models, checks = KnownModels.load(settings.providers.prices_file, stated_prices), DocumentChecks()
    ports = RegistrationPorts(
        workflows=workflows,
        prompts=prompts,
        tools=REGISTRY,
        models=models,
        prices=prices,
        workers=workers,
        checks=checks,
        vault=vault,
        policies=policies,
        servers=server_labels_of(settings, clients.database),
        facts=load_facts(settings.providers.facts_file),
    )
    return DefinitionServices(
        workflows=workflows,
        prompts=PromptRegistry(prompts, PromptLabels(clients.database), Organisations(clients.database)),
        datasets=Datasets(clients.database),
        plans=WorkflowResolver(workflows, prompts, arguments=REGISTRY.argument_names),
        checks=checks,
        tools=REGISTRY,
        models=models,
        registrations=Registrations(ports),
        prices=book,
        price_lists=lists,
        organisation_prices=prices,
        models_used=ModelsUsed(clients.clickhouse),
        publisher=Publisher("definitions", Outbox(clients.database), appender),
        topics=topics,
    )


def _traces(clients: Clients, definitions: DefinitionServices, runs: RunServices) -> TraceServices:
    traces = Traces(clients.clickhouse)
    facts = RunFactsReader(clients.database)
    spans = RunSpans(clients.clickhouse)
    recordings = Recordings(traces, spans, runs.history, facts, definitions.plans, runs.known)
    return TraceServices(
        reader=TraceReader(traces, runs.history, runs.definitions, runs.markers, runs.known),
        traces=traces,
        queries=TraceQueries(clients.clickhouse),
        groups=TraceGroups(clients.clickhouse),
        comparisons=Comparisons(recordings, runs.history, CostSums(clients.clickhouse)),
        causes=Causes(recordings, runs.history),
    )


def _evaluations(
    settings: Settings,
    clients: Clients,
    definitions: DefinitionServices,
    runs: RunServices,
    security: SecurityServices,
) -> EvaluationServices:
    stored = Evaluations(clients.database)
    registering = Registering(definitions.workflows, definitions.registrations, definitions.plans)
    starts = StartPorts(
        prompts=Prompts(clients.database),
        datasets=definitions.datasets,
        evaluations=stored,
        registering=registering,
        submissions=runs.submissions,
    )
    results = ResultPorts(
        evaluations=stored,
        datasets=definitions.datasets,
        history=runs.history,
        objects=runs.objects,
        appender=runs.appender,
    )
    cases = CasePorts(
        history=runs.history,
        definitions=runs.definitions,
        objects=runs.objects,
        active=security.active,
        redactors=security.redactors,
        capture=settings.security.capture,
    )
    read = EvaluationResults(results)
    return EvaluationServices(
        stored=stored,
        starts=EvaluationStarts(starts),
        results=read,
        judges=LiveJudges(registering, stored, read, Judgements(clients.database)),
        of_runs=DatasetsOfRuns(CasesOfRuns(cases), definitions.datasets, runs.appender),
        scoring=PromptScoring(clients.database),
        live_scores=LiveScores(clients.database),
        series=SeriesReader(clients.redis, settings.kafka.partitions),
        points=ScorePoints(clients.clickhouse),
    )


def _rollouts(settings: Settings, clients: Clients, definitions: DefinitionServices) -> RolloutServices:
    stored, policies = PromptDeployments(clients.database), PromptScoring(clients.database)
    return RolloutServices(
        control=Rollouts(definitions.prompts, stored, policies),
        table=DeploymentReader(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
    )


def _leases(
    settings: Settings,
    clients: Clients,
    definitions: DefinitionServices,
    runs: RunServices,
    workers: WorkerRegistry,
) -> LeaseServices:
    claims = LentAttempts(clients.redis, settings.kafka.partitions)
    return LeaseServices(
        steps=StepLeases(
            LeaseDesk(clients.redis), claims, runs.objects, runs.appender, private=_lent_privacy(clients, runs.appender)
        ),
        queues=Queues(definitions.workflows.queues),
        presence=Presence(workers),
        bound=Bound("requests for leases", MAX_LEASE_REQUESTS, STREAMS_RETRY_S),
    )


def _lent_privacy(clients: Clients, appender: Appender) -> LentPrivacy:
    async def say(events: Sequence[AuditEvent]) -> None:
        await appender.append([OutRecord(AUDIT_EVENTS, one.org_id.encode(), encode(one)) for one in events])

    return LentPrivacy(PolicyVersions(clients.database), redactors_of(clients.vault), say)


def _otlp(
    settings: Settings, clients: Clients, appender: DeadlineAppender, definitions: DefinitionServices
) -> OtlpServices:
    ports = ReceiverPorts(
        runs=TraceRuns(clients.database),
        prices=definitions.organisation_prices,
        provider_of=lambda model: definitions.models.provider_of(model) or "",
        appender=appender,
        capture=settings.security.capture,
        now_ms=clock.now_ms,
    )
    return OtlpServices(receiver=TraceReceiver(ports), bound=Bound("requests of OTLP", MAX_OTLP_REQUESTS))


def _optimizer(settings: Settings, clients: Clients, definitions: DefinitionServices) -> Optimizer:
    ports = OptimizerPorts(
        facts=CallFacts(clients.clickhouse),
        workflows=definitions.workflows,
        prompts=Prompts(clients.database),
        registrations=definitions.registrations,
        changes=OptimizerChanges(clients.database),
        models=Models.load(settings.providers.routes_file),
        prices=definitions.organisation_prices,
        ttls=ttls_of(settings.cache.ttl),
    )
    return Optimizer(ports)


def _limits(settings: Settings, clients: Clients, appender: DeadlineAppender) -> LimitServices:
    stored = RunLimits(clients.database)
    return LimitServices(
        stored=stored,
        publisher=Publisher("limits", stored, appender),
        turns=Turns(stored, settings.tables.admission_pool),
        admission=AdmissionReader(clients.redis, DEPENDENCY_TIMEOUT_S),
    )


def _operations(settings: Settings, clients: Clients, measures: Measures, workers: WorkerRegistry) -> OperationServices:
    partitions = settings.kafka.partitions
    return OperationServices(
        exposition=Exposition(
            RoleCounters(clients.redis, partitions, DEPENDENCY_TIMEOUT_S, partial(clients.log.partitions, RUN_EVENTS)),
            RedisBreakers(clients.redis),
            BudgetShares(Budgets(clients.database), Spend(clients.redis, partitions, DEPENDENCY_TIMEOUT_S)),
            paths_of(settings.api.certificate_files),
            BackupAge(lambda: last_backup(clients.redis), settings.api.backup_max_age_s),
        ),
        metrics_key=settings.security.metrics_key.get_secret_value(),
        measures=measures,
        workers=workers,
        topics=_topic_list(settings.kafka),
        dead_letters=DeadLetters(settings.kafka.bootstrap),
        checks={
            "kafka": lambda: clients.log.incarnation(RUN_EVENTS),
            "redis": lambda: ping(clients.redis),
            "postgres": clients.database.ping,
        },
        # Only traces, explained or judged routes and the optimizer read ClickHouse; all other requests work without it.
        optional_checks={"clickhouse": clients.clickhouse.ping}
        | ({"nats": clients.nats.ping} if clients.nats else {})
        | ({"vault": clients.vault_database.ping} if settings.vault.dsn.get_secret_value() else {}),
    )


def _topic_list(kafka: Kafka) -> ListTopics:
    async def topics() -> list[TopicAnswer]:
        async with TopicAdmin(kafka.bootstrap) as admin:
            found = await listed(admin, kafka.partitions)
        return [TopicAnswer(**asdict(topic)) for topic in found]

    return topics
