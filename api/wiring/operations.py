"""Operation of the system: readiness, metrics, topics, webhooks, and how long runs are kept."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from functools import partial

from api.clients import DEPENDENCY_TIMEOUT_S
from api.dead_letters import DeadLetters
from api.http.readiness import Check
from api.metrics.backups import BackupAge
from api.metrics.budget_gauges import BudgetShares
from api.metrics.certificates import paths_of
from api.metrics.exposition import Exposition
from api.metrics.measures import Measures
from api.metrics.role_counters import RoleCounters
from api.services import ListTopics, OperationServices, RetentionServices, TopicCreators
from api.wiring.base import Base
from connectors.aio.clock import WallClock
from connectors.clickhouse.retention.run_deletion import RunTraces
from connectors.postgres.history.run_deletion import RunDeletion
from connectors.postgres.history.run_holds import RunHolds
from connectors.postgres.money.budgets import Budgets
from connectors.postgres.webhooks.deliveries import WebhookDeliveries
from connectors.postgres.webhooks.stored import Webhooks
from connectors.redis.breakers import RedisBreakers
from connectors.redis.client import ping
from connectors.redis.last_backup import last_backup
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.tools.environment import networks_of
from schemas.api_models.operations.admin import TopicAnswer
from schemas.clock import now_ms
from schemas.configuration.audit_days import audit_days_of
from schemas.configuration.kafka import Kafka
from schemas.settings import Settings
from services.retention.deletion import Deletion
from services.retention.records import RunRecords
from services.retention.sweeper import KeptDays
from services.webhooks.surface import WebhookSurface
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, wanted
from topics.listing import listed


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


def operations_of(base: Base, measures: Measures) -> OperationServices:
    """Return readiness, metrics and workers."""
    settings = base.settings
    return OperationServices(
        exposition=_exposition(base),
        metrics_key=settings.security.metrics_key.get_secret_value(),
        measures=measures,
        workers=base.workers,
        topics=_topic_list(settings.kafka),
        dead_letters=DeadLetters(settings.kafka.bootstrap),
        checks=_checks(base),
        optional_checks=_optional_checks(base),
    )


def _exposition(base: Base) -> Exposition:
    clients, api = base.clients, base.settings.api
    partitions_now = partial(clients.log.partitions, RUN_EVENTS)
    return Exposition(
        RoleCounters(clients.redis, base.partitions, DEPENDENCY_TIMEOUT_S, partitions_now),
        RedisBreakers(clients.redis),
        BudgetShares(Budgets(clients.database), base.spend),
        paths_of(api.certificate_files),
        BackupAge(lambda: last_backup(clients.redis), api.backup_max_age_s),
    )


def _checks(base: Base) -> Mapping[str, Check]:
    clients = base.clients
    return {
        "kafka": lambda: clients.log.incarnation(RUN_EVENTS),
        "redis": lambda: ping(clients.redis),
        "postgres": clients.database.ping,
    }


def _optional_checks(base: Base) -> Mapping[str, Check]:
    # Only traces, explained or judged routes and the optimizer read ClickHouse; all other requests work without it.
    clients = base.clients
    checks: dict[str, Check] = {"clickhouse": clients.clickhouse.ping}
    if clients.nats:
        checks["nats"] = clients.nats.ping
    if base.settings.vault.dsn.get_secret_value():
        checks["vault"] = clients.vault_database.ping
    return checks


def _topic_list(kafka: Kafka) -> ListTopics:
    async def topics() -> list[TopicAnswer]:
        async with TopicAdmin(kafka.bootstrap) as admin:
            found = await listed(admin, kafka.partitions)
        return [TopicAnswer(**asdict(topic)) for topic in found]

    return topics


def webhooks_of(base: Base) -> WebhookSurface:
    """Return the addresses that events are sent to."""
    clients = base.clients
    stored, deliveries = Webhooks(clients.database, clients.kms), WebhookDeliveries(clients.database)
    return WebhookSurface(stored, deliveries, networks_of(base.settings), WallClock())


def retention_of(base: Base) -> RetentionServices:
    """Return how long runs are kept. Raises ``ValueError`` for a wrong setting."""
    settings, clients = base.settings, base.clients
    markers = SubmissionMarkers(clients.redis, base.partitions, DEPENDENCY_TIMEOUT_S)
    records = RunRecords(RunTraces(clients.clickhouse), base.appender)
    kept = settings.retention
    return RetentionServices(
        runs=KeptDays.read(kept.runs_days, kept.runs_days_of),
        traces=KeptDays.read(settings.traces.days, settings.traces.days_of),
        objects=KeptDays.read(kept.objects_days, kept.objects_days_of),
        costs=KeptDays.read(kept.costs_days, kept.costs_days_of),
        audit=audit_days_of(settings.audit.days, settings.audit.days_of),
        holds=RunHolds(clients.database),
        deletion=Deletion(RunDeletion(clients.database), records, markers, now_ms),
    )
