"""The API's services, joined of the parts of this package."""

from collections.abc import Sequence

from api.clients import Clients
from api.http.concurrency_limit import Bound
from api.leases import LeaseServices, Presence, Queues
from api.metrics.measures import Measures
from api.services import DefinitionServices, RunServices, ScheduleServices, Services, TopicCreators, TriggerServices
from api.wiring.access import access_of, audit_of, secrets_of, security_of
from api.wiring.base import Base
from api.wiring.cells import cells_of
from api.wiring.definitions import definitions_of, mcp_of
from api.wiring.evaluations import evaluations_of, rollouts_of
from api.wiring.money import limits_of, money_of, optimizer_of
from api.wiring.operations import operations_of, retention_of, webhooks_of
from api.wiring.runs import STREAMS_RETRY_S, RunWiring
from api.wiring.traces import otlp_of, traces_of
from connectors.clickhouse.policy_calls import PolicyCalls
from connectors.clickhouse.route_log import RouteLog
from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.batch_reader import BatchReader
from connectors.postgres.money.quotas import Quotas
from connectors.postgres.policies.versions import PolicyVersions
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Triggers
from connectors.provider_facts import load_facts
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts
from connectors.redis.request_rates import RequestRates
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from connectors.tools import REGISTRY
from schemas.records.definitions import AuditEvent
from schemas.settings import Settings
from schemas.triggers.allowed_topics import read_allowed
from services.observability.replay.policy.replays import PolicyReplays
from services.privacy.redact.standard import redactors_of
from services.privacy.subjects.scheduled import ScheduledInputs
from services.prompts.evaluations.functions import register
from services.routing.evaluation import RouteEvaluations
from services.runs.attempts.lent_policies import LentPolicies
from services.runs.attempts.lent_private import LentPrivacy
from services.runs.attempts.lent_results import LentResults
from services.runs.leasing.leases import LentRules, StepLeases
from services.runs.submit import Submissions
from services.triggers.hooks import Hooks
from services.triggers.surface import TriggerSurface
from services.workflows.resolver import WorkflowResolver
from topics.catalogue import AUDIT_EVENTS, OWN_TOPICS
from topics.codec import encode

#: Each waits for its steps; all share one connection to Redis.
MAX_LEASE_REQUESTS = 512


def services_of(settings: Settings, clients: Clients, topics: TopicCreators) -> Services:
    """Return the services. Raises ``ValueError`` for a wrong setting."""
    register(REGISTRY)
    base = Base.of(settings, clients, topics)
    security, limits = security_of(base), limits_of(base)
    definitions = definitions_of(base, security)
    runs = RunWiring(base, definitions, limits, security).services()
    audit = audit_of(base)
    measures = Measures(runs.bound, runs.streams.bound)
    return Services(
        definitions=definitions,
        runs=runs,
        traces=traces_of(base, definitions, runs),
        evaluations=evaluations_of(base, definitions, runs, security),
        rollouts=rollouts_of(base, definitions),
        leases=leases_of(base, definitions, runs),
        otlp=otlp_of(base, definitions),
        schedules=_schedules(base, runs),
        money=money_of(base, definitions),
        optimizer=optimizer_of(base, definitions),
        routing=RouteEvaluations(RouteLog(clients.clickhouse)),
        policies=PolicyReplays(
            PolicyCalls(clients.clickhouse),
            definitions.organisation_prices,
            security.facts,
            load_facts(settings.providers.facts_file),
        ),
        limits=limits,
        quotas=Quotas(clients.database),
        batches=BatchReader(clients.database),
        cache=RedisResponseCache(clients.cache_redis, bounds_of(settings.cache)),
        access=access_of(base, measures),
        security=security,
        vault=clients.vault,
        webhooks=webhooks_of(base),
        retention=retention_of(base),
        secrets=secrets_of(base),
        mcp=mcp_of(base),
        triggers=triggers_of(base, definitions.plans, runs.submissions, measures),
        audit=audit,
        operations=operations_of(base, measures),
        cells=cells_of(base, runs, audit.auditing),
    )


def _schedules(base: Base, runs: RunServices) -> ScheduleServices:
    database, vault = base.clients.database, base.clients.vault
    inputs = ScheduledInputs(runs.objects, None if vault is None else vault.keys)
    return ScheduleServices(stored=Schedules(database), backfills=Backfills(database), inputs=inputs)


def leases_of(base: Base, definitions: DefinitionServices, runs: RunServices) -> LeaseServices:
    """Return leases, queues, and which workers are there."""
    redis = base.clients.redis
    claims, policies = LentAttempts(redis, base.partitions), LentPolicies(PolicyVersions(base.clients.database))
    rules = LentRules(_lent_privacy(base, runs.appender, policies), LentResults(policies))
    return LeaseServices(
        steps=StepLeases(LeaseDesk(redis), claims, runs.objects, runs.appender, rules=rules),
        queues=Queues(definitions.workflows.queues),
        presence=Presence(base.workers),
        bound=Bound("requests for leases", MAX_LEASE_REQUESTS, STREAMS_RETRY_S),
    )


def _lent_privacy(base: Base, appender: Appender, policies: LentPolicies) -> LentPrivacy:
    async def say(events: Sequence[AuditEvent]) -> None:
        await appender.append([OutRecord(AUDIT_EVENTS, one.org_id.encode(), encode(one)) for one in events])

    return LentPrivacy(policies, redactors_of(base.clients.vault), say)


def triggers_of(base: Base, plans: WorkflowResolver, submissions: Submissions, measures: Measures) -> TriggerServices:
    """Return the services of triggers. Raises ``ValueError`` for a wrong setting."""
    clients = base.clients
    stored = Triggers(clients.database, clients.kms)
    topics = read_allowed(base.settings.triggers.topics, OWN_TOPICS)
    return TriggerServices(
        surface=TriggerSurface(stored, TriggerPositions(clients.database), plans, topics),
        hooks=Hooks(stored, submissions, RequestRates(clients.redis), measures.uncounted.inc),
    )
