"""How the API's services are made of its clients."""

from collections.abc import Collection
from dataclasses import asdict

from api.auth import Authenticator
from api.clients import DEPENDENCY_TIMEOUT_S, Clients
from api.dead_letters import DeadLetters
from api.http.concurrency_limit import Bound
from api.http.metrics import Measures
from api.http.rate_limit import RateLimits
from api.http.role_counters import RoleCounters
from api.leases import LeaseServices, Presence, Queues
from api.live.run_stream import Streams
from api.publisher import Publisher
from api.services import (
    AccessServices,
    DefinitionServices,
    EvaluationServices,
    LimitServices,
    ListTopics,
    MoneyServices,
    OperationServices,
    RunServices,
    ScheduleServices,
    Services,
    TopicCreators,
)
from api.tokens import OidcTokens
from connectors.clickhouse.bill_rows import BillRows
from connectors.clickhouse.call_facts import CallFacts
from connectors.clickhouse.models_used import ModelsUsed
from connectors.clickhouse.route_log import RouteLog
from connectors.clickhouse.route_spans import RouteSpans
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.kafka.lag import LaneLag
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from connectors.oidc.issuer import Issuer
from connectors.ports.pubsub import NoPubSub
from connectors.postgres.batch_reader import BatchReader
from connectors.postgres.budgets import Budgets
from connectors.postgres.datasets import Datasets
from connectors.postgres.evaluations import Evaluations
from connectors.postgres.history.run_changes import RunFollower
from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs
from connectors.postgres.keys import Keys
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.optimizer_changes import OptimizerChanges
from connectors.postgres.organisations import Organisations, Projects
from connectors.postgres.outbox import Outbox
from connectors.postgres.price_lists import PriceListStore
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.labels import PromptLabels
from connectors.postgres.prompts.scoring import PromptScoring
from connectors.postgres.quotas import Quotas
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.sealing import EnvelopeKeys
from connectors.postgres.stops import Stops
from connectors.postgres.vault import Vault
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from connectors.providers.custom.building import stated_prices
from connectors.redis.admission_reader import AdmissionReader
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lease_reader import LeaseReader
from connectors.redis.claims.lent_attempts import LentAttempts
from connectors.redis.client import ping
from connectors.redis.marker_generation import MarkerGeneration
from connectors.redis.request_rates import RequestRates
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from connectors.redis.signals_reader import SignalsReader
from connectors.redis.spec_reader import SpecReader
from connectors.redis.spend_reader import Spend
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import REGISTRY
from schemas.api_models.admin import TopicAnswer
from schemas.settings import Kafka, Oidc, Settings
from services.billing.bills import Bills
from services.budgets.opening import Opening
from services.budgets.targets import Targets
from services.caching.policy import ttls_of
from services.optimizer.optimizer import Optimizer, OptimizerPorts
from services.prices.stored import StoredPrices
from services.prompts.evaluations.from_runs import CasesOfRuns
from services.prompts.evaluations.functions import register
from services.prompts.evaluations.results import EvaluationResults, ResultPorts
from services.prompts.evaluations.start import EvaluationStarts, StartPorts
from services.prompts.registry.prompts import PromptRegistry
from services.routing.evaluation import RouteEvaluations
from services.routing.models import Models
from services.runs.admission_required import Turns
from services.runs.bulk import Bulk
from services.runs.dry_run import DryRunPorts, DryRuns
from services.runs.explain_waiting import Waits
from services.runs.known_runs import KnownRuns
from services.runs.large_inputs import LargeInputs
from services.runs.leases import StepLeases
from services.runs.path_admission import PathAdmission
from services.runs.restart import Restarts
from services.runs.routes import RunRoutes
from services.runs.signals import SignalSender
from services.runs.submit import SubmissionPorts, Submissions
from services.security.oidc import ClaimMapping
from services.security.tokens import Rules, TokenVerifier
from services.workflows.checks import DocumentChecks
from services.workflows.of_run import RunDefinitions
from services.workflows.registration import RegistrationPorts, Registrations
from services.workflows.resolver import WorkflowResolver
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted
from topics.listing import listed

#: Each waits for one append at most; more of them would only queue for the broker.
MAX_SUBMISSIONS_IN_FLIGHT = 512
#: Each reads history every second or two, which is a part of a millisecond of PostgreSQL.
MAX_STREAMS = 256
#: Each waits for its steps; all share one connection to Redis.
MAX_LEASE_REQUESTS = 512
STREAMS_RETRY_S = 5.0
#: The lag of a lane is asked beside history and claims.
LANE_TIMEOUT_S = 0.7


def services_of(settings: Settings, clients: Clients, topics: TopicCreators) -> Services:
    """Return the services. Raises ``ValueError`` for a wrong setting."""
    register(REGISTRY)
    appender = DeadlineAppender(clients.log, DEPENDENCY_TIMEOUT_S)
    workers, vault = WorkerRegistry(clients.redis, DEPENDENCY_TIMEOUT_S), _vault(settings, clients)
    definitions = _definitions(settings, clients, appender, topics, workers, vault)
    limits = _limits(settings, clients, appender)
    runs = _Runs(settings, clients, appender, definitions, limits).services()
    keys, budgets = Keys(clients.database), Budgets(clients.database)
    organisations = Organisations(clients.database)
    pepper = settings.security.key_pepper.get_secret_value()
    ledger, measures = SpendLedger(clients.clickhouse), Measures(runs.bound, runs.streams.bound)
    spend = Spend(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S)
    return Services(
        definitions=definitions,
        runs=runs,
        evaluations=_evaluations(settings, clients, definitions, runs),
        leases=_leases(settings, clients, definitions, runs, workers),
        schedules=ScheduleServices(stored=Schedules(clients.database), backfills=Backfills(clients.database)),
        money=MoneyServices(
            budgets=budgets,
            stops=Stops(clients.database),
            spend=spend,
            targets=Targets(definitions.workflows, definitions.models, definitions.organisation_prices),
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
        limits=limits,
        quotas=Quotas(clients.database),
        batches=BatchReader(clients.database),
        cache=RedisResponseCache(clients.cache_redis, bounds_of(settings.cache)),
        access=AccessServices(
            keys=keys,
            organisations=organisations,
            projects=Projects(clients.database),
            rates=RateLimits(RequestRates(clients.redis), measures.uncounted),
            authenticator=Authenticator(keys, pepper, tokens=_tokens(settings.oidc, clients, organisations)),
            vault=vault,
        ),
        operations=_operations(settings, clients, measures, workers),
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
            await admin.create(wanted(org_ids), kafka.partitions, kafka.replication)

    async def of_queues(queues: Collection[str]) -> None:
        async with TopicAdmin(kafka.bootstrap) as admin:
            await admin.create_queues(queues, kafka.partitions, kafka.replication)

    return TopicCreators(of_organisations=of_organisations, of_queues=of_queues)


def _vault(settings: Settings, clients: Clients) -> Vault | None:
    security = settings.security
    envelope = EnvelopeKeys.of(security.vault_key.get_secret_value(), security.vault_key_before.get_secret_value())
    return None if envelope is None else Vault(clients.database, envelope)


def _definitions(
    settings: Settings,
    clients: Clients,
    appender: DeadlineAppender,
    topics: TopicCreators,
    workers: WorkerRegistry,
    vault: Vault | None,
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


def _evaluations(
    settings: Settings, clients: Clients, definitions: DefinitionServices, runs: RunServices
) -> EvaluationServices:
    stored = Evaluations(clients.database)
    starts = StartPorts(
        prompts=Prompts(clients.database),
        datasets=definitions.datasets,
        evaluations=stored,
        workflows=definitions.workflows,
        registrations=definitions.registrations,
        plans=definitions.plans,
        submissions=runs.submissions,
    )
    results = ResultPorts(
        evaluations=stored,
        datasets=definitions.datasets,
        history=runs.history,
        objects=runs.objects,
        appender=runs.appender,
    )
    of_runs = CasesOfRuns(runs.history, runs.definitions, runs.objects, settings.security.capture)
    return EvaluationServices(
        stored=stored,
        starts=EvaluationStarts(starts),
        results=EvaluationResults(results),
        of_runs=of_runs,
        scoring=PromptScoring(clients.database),
        live_scores=LiveScores(clients.database),
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
        steps=StepLeases(LeaseDesk(clients.redis), claims, runs.objects, runs.appender),
        queues=Queues(definitions.workflows.queues),
        presence=Presence(workers),
        bound=Bound("requests for leases", MAX_LEASE_REQUESTS, STREAMS_RETRY_S),
    )


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
    return OperationServices(
        counters=RoleCounters(clients.redis, settings.kafka.partitions, DEPENDENCY_TIMEOUT_S),
        measures=measures,
        workers=workers,
        topics=_topic_list(settings.kafka),
        dead_letters=DeadLetters(settings.kafka.bootstrap),
        checks={
            "kafka": lambda: clients.log.incarnation(RUN_EVENTS),
            "redis": lambda: ping(clients.redis),
            "postgres": clients.database.ping,
        },
        # Only explained or judged routes and the optimizer read ClickHouse; all other requests work without it.
        optional_checks={"clickhouse": clients.clickhouse.ping} | ({"nats": clients.nats.ping} if clients.nats else {}),
    )


def _topic_list(kafka: Kafka) -> ListTopics:
    async def topics() -> list[TopicAnswer]:
        async with TopicAdmin(kafka.bootstrap) as admin:
            found = await listed(admin, kafka.partitions)
        return [TopicAnswer(**asdict(topic)) for topic in found]

    return topics


class _Runs:
    """What the services of runs share while they are made."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        appender: DeadlineAppender,
        definitions: DefinitionServices,
        limits: LimitServices,
    ) -> None:
        self._settings = settings
        self._partitions = settings.kafka.partitions
        self._clients = clients
        self._appender = appender
        self._definitions = definitions
        self._history = Runs(clients.database)
        self._markers = SubmissionMarkers(clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        generation = MarkerGeneration(clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        self._known = KnownRuns(generation, clients.progress, self._partitions)
        objects = settings.objects
        self._objects = open_objects(objects.url, objects.directory, s3_access(objects))
        large_inputs = LargeInputs(self._objects, objects.max_inputs_bytes)
        specs = SpecReader(clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        self._of_run = RunDefinitions(definitions.plans, specs)
        self._waits = self._explaining(limits)
        self._submissions = self._submitting(large_inputs, limits.turns)
        self._dry_runs = self._trying(limits)
        self._restarts = Restarts(
            self._history, self._of_run, large_inputs, settings.security.capture, arguments=REGISTRY.argument_names
        )

    def services(self) -> RunServices:
        """Return them."""
        bus = self._clients.nats or NoPubSub()
        follower = RunFollower(self._clients.database)
        return RunServices(
            history=self._history,
            definitions=self._of_run,
            steps=RunSteps(self._clients.database),
            markers=self._markers,
            known=self._known,
            submissions=self._submissions,
            dry_runs=self._dry_runs,
            restarts=self._restarts,
            bulk=Bulk(self._appender, self._restarts, self._submissions, bus),
            waits=self._waits,
            signals=self._signals(),
            routes=self._routes(),
            streams=Streams(follower, bus, Bound("event streams", MAX_STREAMS, STREAMS_RETRY_S)),
            bound=Bound("submissions", MAX_SUBMISSIONS_IN_FLIGHT),
            bus=bus,
            objects=self._objects,
            appender=self._appender,
        )

    def _submitting(self, large_inputs: LargeInputs, turns: Turns) -> Submissions:
        ports = SubmissionPorts(
            plans=self._definitions.plans,
            markers=self._markers,
            history=self._history,
            appender=self._appender,
            large_inputs=large_inputs,
            turns=turns,
            known=self._known,
            paths=PathAdmission(self._definitions.organisation_prices),
        )
        return Submissions(ports, capture=self._settings.security.capture)

    def _trying(self, limits: LimitServices) -> DryRuns:
        ports = DryRunPorts(
            submissions=self._submissions,
            turns=limits.turns,
            limits=limits.stored,
            admission=limits.admission,
            budgets=Budgets(self._clients.database),
            spend=Spend(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S),
        )
        return DryRuns(ports)

    def _explaining(self, limits: LimitServices) -> Waits:
        claims = LeaseReader(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S)
        lag = LaneLag(self._settings.kafka.bootstrap, LANE_TIMEOUT_S)
        workers = WorkerRegistry(self._clients.redis, DEPENDENCY_TIMEOUT_S)
        return Waits(self._history, self._of_run, claims, lag, limits.admission, workers)

    def _routes(self) -> RunRoutes:
        return RunRoutes(
            history=self._history,
            steps=RunSteps(self._clients.database),
            definitions=self._of_run,
            spans=RouteSpans(self._clients.clickhouse),
            appender=self._appender,
        )

    def _signals(self) -> SignalSender:
        return SignalSender(
            history=self._history,
            markers=self._markers,
            workflows=self._definitions.workflows,
            objects=self._objects,
            appender=self._appender,
            signals=SignalsReader(self._clients.redis, self._partitions, DEPENDENCY_TIMEOUT_S),
        )
