"""What the engines need before the roles start: migrated schemas and the topics."""

import asyncio

from connectors.clickhouse.client import ClickHouse
from deploy import migrate
from deploy.local.engines import Endpoints
from deploy.local.engines.kafka_cluster import replicas_of
from schemas.settings import Settings
from topics.admin import TopicAdmin
from topics.catalogue import wanted


async def prepare(endpoints: Endpoints, partitions: int, org_id: str) -> None:
    """Migrate PostgreSQL and ClickHouse and create the topics, those of one organisation too. Safe to repeat."""
    async with asyncio.TaskGroup() as group:
        group.create_task(migrate.up(endpoints.postgres_dsn))
        group.create_task(_migrate_clickhouse(endpoints.clickhouse_url))
        group.create_task(_create_topics(endpoints.kafka_bootstrap, partitions, org_id))


async def _migrate_clickhouse(url: str) -> None:
    clickhouse = ClickHouse(url, Settings().clickhouse.database)
    try:
        await clickhouse.migrate()
    finally:
        await clickhouse.close()


async def _create_topics(bootstrap: str, partitions: int, org_id: str) -> None:
    replication, min_isr = replicas_of(len(bootstrap.split(",")))
    async with TopicAdmin(bootstrap) as admin:
        await admin.create(wanted((org_id,)), partitions, replication, min_isr)
