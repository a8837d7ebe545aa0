"""Everything that the routes work with, in groups; ``api/wiring`` makes them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from api.auth import Authenticator
from api.dead_letters import DeadLetters
from api.http.concurrency_limit import Bound
from api.http.rate_limit import RateLimits
from api.http.readiness import Check
from api.leases import LeaseServices
from api.live.run_stream import Streams
from api.metrics.exposition import Exposition
from api.metrics.measures import Measures
from api.publisher import Publisher
from connectors.clickhouse.models_used import ModelsUsed
from connectors.clickhouse.score_points import ScorePoints
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.clickhouse.trace_groups import TraceGroups
from connectors.clickhouse.trace_query import TraceQueries
from connectors.clickhouse.traces import Traces
from connectors.http.cell_client import CellClient
from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.ports.pubsub import PubSub
from connectors.postgres.audit.holds import AuditHolds
from connectors.postgres.audit.reading import AuditReads
from connectors.postgres.batch_reader import BatchReader
from connectors.postgres.cells.moves import Moves
from connectors.postgres.cells.places import Places
from connectors.postgres.datasets import Datasets
from connectors.postgres.evaluations import Evaluations
from connectors.postgres.history.run_holds import RunHolds
from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs
from connectors.postgres.keys import Keys
from connectors.postgres.live_scores import LiveScores
from connectors.postgres.money.budgets import Budgets
from connectors.postgres.money.price_lists import PriceListStore
from connectors.postgres.money.quotas import Quotas
from connectors.postgres.money.stops import Stops
from connectors.postgres.organisations import Organisations, Projects
from connectors.postgres.policies.activations import PolicyActivations
from connectors.postgres.policies.facts import ProviderFactsStore
from connectors.postgres.policies.versions import PolicyVersions
from connectors.postgres.prompts.scoring import PromptScoring
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.vault import Vault
from connectors.postgres.workflows import Workflows
from connectors.prices.book import PriceBook
from connectors.prices.known import KnownModels
from connectors.redis.readers.admissions import AdmissionReader
from connectors.redis.readers.deployments import DeploymentReader
from connectors.redis.readers.series import SeriesReader
from connectors.redis.readers.spend import Spend
from connectors.redis.response_cache import RedisResponseCache
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import Registry
from schemas.api_models.operations.admin import TopicAnswer
from schemas.compliance.facts import FactsDocument
from schemas.compliance.shipped import SHIPPED
from schemas.configuration.audit_days import AuditDays
from services.billing.bills import Bills
from services.budgets.opening import Opening
from services.budgets.targets import Targets
from services.cells.arriving import Arriving
from services.cells.mover import Mover
from services.cells.planning import Planning
from services.cells.remains import Removal
from services.observability.causes import Causes
from services.observability.comparisons import Comparisons
from services.observability.otlp.incoming.receiver import TraceReceiver
from services.observability.replay.other_cells import AskedRecords
from services.observability.replay.policy.replays import PolicyReplays
from services.observability.replay.run_records import RunRecords
from services.observability.traces.reading import TraceReader
from services.optimizer.optimizer import Optimizer
from services.prices.stored import StoredPrices
from services.privacy.redact.redactors import Redactors
from services.privacy.subjects.erasure import Erasures
from services.privacy.subjects.scheduled import ScheduledInputs
from services.privacy.vault.opening import OpenVault
from services.prompts.evaluations.results import EvaluationResults
from services.prompts.evaluations.start import EvaluationStarts
from services.prompts.from_runs.datasets import DatasetsOfRuns
from services.prompts.live.judges import LiveJudges
from services.prompts.registry.prompts import PromptRegistry
from services.prompts.rollouts.control import Rollouts
from services.retention.deletion import Deletion
from services.retention.sweeper import KeptDays
from services.routing.evaluation import RouteEvaluations
from services.runs.admission_required import AdmissionRequired
from services.runs.answers.routes import RunRoutes
from services.runs.approvals import Approvals
from services.runs.bulk import Bulk
from services.runs.dry_run import DryRuns
from services.runs.explain_waiting import Waits
from services.runs.known_runs import KnownRuns
from services.runs.restart import Restarts
from services.runs.signals import SignalSender
from services.runs.submit import Submissions
from services.runs.updates import Updates
from services.security.auditing import Auditing
from services.security.compliance.reporting import Reports
from services.security.policies.acting import Acting
from services.security.policies.active import ActivePolicies
from services.security.policies.pinning import Pinning
from services.security.policies.reading import Readings
from services.security.policies.restoring import ReaderRestores
from services.tools.mcp_surface import McpSurface
from services.tools.queue_tools import QueueTools
from services.tools.secrets import SecretSurface
from services.triggers.hooks import Hooks
from services.triggers.surface import TriggerSurface
from services.webhooks.surface import WebhookSurface
from services.workflows.checks import DocumentChecks
from services.workflows.of_run import RunDefinitions
from services.workflows.registration import Registrations
from services.workflows.resolver import WorkflowResolver

CreateTopics = Callable[[Collection[str]], Awaitable[object]]
"""Creates the topics of organisations, named by their ids; harmless when they are there."""
ListTopics = Callable[[], Awaitable[list[TopicAnswer]]]
"""Lists the topics of the broker. Raises ``Unavailable``."""
CreateQueues = Callable[[Collection[str]], Awaitable[object]]
"""Creates the topics of queues, by their whole names; harmless when they are there. Raises ``TooLarge``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCreators:
    """Creates topics that the API's users need."""

    of_organisations: CreateTopics
    of_queues: CreateQueues


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionServices:
    """Workflows, prompts, tools, and the models that there are.

    ``prices`` reads the price list, with the prices that providers state by now; ``organisation_prices`` are those with
    an organisation's own lists. ``publisher`` brings what was defined, budgets included, to the log.
    """

    workflows: Workflows
    prompts: PromptRegistry
    datasets: Datasets
    plans: WorkflowResolver
    checks: DocumentChecks
    tools: Registry
    models: KnownModels
    registrations: Registrations
    prices: Callable[[], PriceBook]
    price_lists: PriceListStore
    organisation_prices: StoredPrices
    models_used: ModelsUsed
    publisher: Publisher
    topics: TopicCreators


@dataclass(frozen=True, slots=True, kw_only=True)
class RunServices:
    """Submitting, reading, following and steering runs. ``bound`` is of submissions in flight, ``waiting_updates`` of
    updates whose sender waits.
    """

    history: Runs
    definitions: RunDefinitions
    steps: RunSteps
    markers: SubmissionMarkers
    known: KnownRuns
    submissions: Submissions
    dry_runs: DryRuns
    restarts: Restarts
    bulk: Bulk
    waits: Waits
    signals: SignalSender
    updates: Updates
    waiting_updates: Bound
    approvals: Approvals
    routes: RunRoutes
    streams: Streams
    bound: Bound
    bus: PubSub
    objects: Objects
    appender: Appender
    records: RunRecords
    erasures: Erasures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceServices:
    """Traces of runs, and of other programs; comparisons and causes."""

    reader: TraceReader
    comparisons: Comparisons
    causes: Causes
    traces: Traces
    queries: TraceQueries
    groups: TraceGroups


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationServices:
    """Evaluations of prompts: starting them, reading them; and scores of live answers."""

    stored: Evaluations
    starts: EvaluationStarts
    results: EvaluationResults
    series: SeriesReader
    points: ScorePoints
    of_runs: DatasetsOfRuns
    scoring: PromptScoring
    live_scores: LiveScores
    judges: LiveJudges


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutServices:
    """Deployments of prompts: starting and deciding them, and the table of their statistics."""

    control: Rollouts
    table: DeploymentReader


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpServices:
    """Spans of other programs. ``bound`` is of requests in flight."""

    receiver: TraceReceiver
    bound: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleServices:
    """Schedules and their backfills; ``inputs`` seal those of data subjects."""

    stored: Schedules
    backfills: Backfills
    inputs: ScheduledInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyServices:
    """Budgets, what was spent of them, what they may name, and what is stopped."""

    budgets: Budgets
    stops: Stops
    spend: Spend
    targets: Targets
    opening: Opening
    ledger: SpendLedger
    bills: Bills


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitServices:
    """How many runs may run at once."""

    stored: RunLimits
    publisher: Publisher
    admission_required: AdmissionRequired
    admission: AdmissionReader


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessServices:
    """API keys, organisations, their projects and places, and keys of providers, which need an envelope key."""

    keys: Keys
    organisations: Organisations
    projects: Projects
    rates: RateLimits
    authenticator: Authenticator
    places: Places
    vault: Vault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerServices:
    """Triggers as they are made and changed, and the requests to their webhooks."""

    surface: TriggerSurface
    hooks: Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityServices:
    """Policies: their versions, their activations, what is active as of a moment ago, what runs pin, what redacts, what
    readers see, which of them get values back, and what is declared of tools on queues."""

    versions: PolicyVersions
    activations: PolicyActivations
    active: ActivePolicies
    pinning: Pinning
    redactors: Redactors
    readings: Readings
    acting: Acting
    facts: ProviderFactsStore
    queue_tools: QueueTools
    restores: ReaderRestores
    #: What holds of providers for all organisations: what comes along, with the installation's own.
    base_facts: FactsDocument = SHIPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditServices:
    """The audit log. Requests of unknown senders are recorded for ``default_org_id``."""

    auditing: Auditing
    reads: AuditReads
    holds: AuditHolds
    reports: Reports
    default_org_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionServices:
    """How long runs, traces, objects, costs and audit entries are kept, what keeps runs longer, and the deletion of
    single ones.
    """

    runs: KeptDays
    traces: KeptDays
    objects: KeptDays
    costs: KeptDays
    audit: AuditDays
    holds: RunHolds
    deletion: Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationServices:
    """Readiness, metrics and workers. With a ``metrics_key`` the page of metrics is shown to those who send it only.

    Without what ``optional_checks`` ask, every request is answered as before; updates are slower, or analytics wait.
    """

    exposition: Exposition
    metrics_key: str
    measures: Measures
    workers: WorkerRegistry
    topics: ListTopics
    dead_letters: DeadLetters
    checks: Mapping[str, Check]
    optional_checks: Mapping[str, Check]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellServices:
    """Moves of organisations to other cells and from them, where this site is a cell. ``token`` is what those send."""

    token: str
    peers: Mapping[str, CellClient]
    moves: Moves
    planning: Planning
    mover: Mover
    arriving: Arriving
    removal: Removal
    records: AskedRecords
    facts: Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The API's parts."""

    definitions: DefinitionServices
    runs: RunServices
    traces: TraceServices
    evaluations: EvaluationServices
    rollouts: RolloutServices
    leases: LeaseServices
    otlp: OtlpServices
    schedules: ScheduleServices
    money: MoneyServices
    optimizer: Optimizer
    routing: RouteEvaluations
    policies: PolicyReplays
    limits: LimitServices
    quotas: Quotas
    batches: BatchReader
    cache: RedisResponseCache
    access: AccessServices
    security: SecurityServices
    vault: OpenVault | None
    audit: AuditServices
    webhooks: WebhookSurface
    retention: RetentionServices
    secrets: SecretSurface
    mcp: McpSurface
    triggers: TriggerServices
    operations: OperationServices
    cells: CellServices | None
