"""The API's services, joined of the parts of this package."""

from api.clients import Clients
from api.metrics.measures import Measures
from api.services import ScheduleServices, Services, TopicCreators
from api.wiring.access import access_of, audit_of, secrets_of, security_of
from api.wiring.base import Base
from api.wiring.cells import cells_of
from api.wiring.definitions import definitions_of, mcp_of
from api.wiring.evaluations import evaluations_of, rollouts_of
from api.wiring.leases import leases_of
from api.wiring.money import limits_of, money_of, optimizer_of
from api.wiring.operations import operations_of, retention_of, webhooks_of
from api.wiring.runs import RunWiring
from api.wiring.traces import otlp_of, traces_of
from api.wiring.triggers import triggers_of
from connectors.clickhouse.policy_calls import PolicyCalls
from connectors.clickhouse.route_log import RouteLog
from connectors.postgres.batch_reader import BatchReader
from connectors.postgres.money.quotas import Quotas
from connectors.postgres.schedules import Backfills, Schedules
from connectors.redis.response_cache import RedisResponseCache, bounds_of
from connectors.tools import REGISTRY
from schemas.settings import Settings
from services.observability.replay.policy.replays import PolicyReplays
from services.privacy.subjects.scheduled import ScheduledInputs
from services.prompts.evaluations.functions import register
from services.routing.evaluation import RouteEvaluations


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
        schedules=ScheduleServices(
            stored=Schedules(clients.database),
            backfills=Backfills(clients.database),
            inputs=ScheduledInputs(runs.objects, None if clients.vault is None else clients.vault.keys),
        ),
        money=money_of(base, definitions),
        optimizer=optimizer_of(base, definitions),
        routing=RouteEvaluations(RouteLog(clients.clickhouse)),
        policies=PolicyReplays(PolicyCalls(clients.clickhouse), definitions.organisation_prices),
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
