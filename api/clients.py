"""The API's connections. None is made before it is needed, so a dependency that is down stops no start."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from connectors.http.clients import ServiceClient, service_client
from connectors.kafka.log import KafkaLog
from connectors.kafka.progress import LogProgress
from connectors.kms.opening import open_kms
from connectors.nats.pubsub import Nats
from connectors.ports.engine import OutRecord
from connectors.ports.kms import Kms
from connectors.postgres.cells.places import Places
from connectors.postgres.database import Database
from connectors.redis.client import close, connect_bounded
from schemas.settings import Settings
from services.privacy.vault.opening import OpenVault, open_vault
from services.runs.known_runs import Progress

#: No answer takes longer than two seconds, so no single dependency may take all of it.
DEPENDENCY_TIMEOUT_S = 1.5
#: Enough for the submissions of one moment; PostgreSQL's connections are few.
POSTGRES_CONNECTIONS = 12
REDIS_CONNECTIONS = 32
OIDC_CONNECTIONS = 2
CLIENT_ID = "agentflow-api"


class ApiLog(Protocol):
    """What the API needs of the log; ``connectors.kafka.log.KafkaLog`` is one."""

    async def start(self) -> None:
        """Connect. Raises ``Unavailable``; may be called again then."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect."""
        ...

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Append and wait for every acknowledgement. Raises ``Unavailable``."""
        ...

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, as far as is known. Raises ``Unavailable``."""
        ...

    async def incarnation(self, topic: str) -> str:
        """Return what names this very log; asks the broker. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """One process' connections, and the vault, of which a process has one. ``nats`` is there where it is set up."""

    log: ApiLog
    progress: Progress
    database: Database
    places: Places
    kms: Kms | None
    vault_database: Database
    vault: OpenVault | None
    redis: Redis
    cache_redis: Redis
    clickhouse: ClickHouse
    nats: Nats | None
    oidc: ServiceClient

    @classmethod
    def of(cls, settings: Settings, log: ApiLog | None, progress: Progress | None) -> "Clients":
        """Return clients, not yet connected; a given ``log`` and its ``progress`` stand in for Kafka."""
        nats_url, vault_dsn = settings.nats.url.get_secret_value(), settings.vault.dsn.get_secret_value()
        database, kms = _database(settings.postgres.dsn.get_secret_value()), open_kms(settings.security, settings.vault)
        vault_database = _database(vault_dsn) if vault_dsn else database
        redis, cache_url = _redis(settings.redis.url.get_secret_value()), settings.cache.url.get_secret_value()
        return cls(
            log=log or KafkaLog(settings.kafka.bootstrap, client_id=CLIENT_ID),
            progress=progress or LogProgress(settings.kafka.bootstrap),
            database=database,
            places=Places(database),
            kms=kms,
            vault_database=vault_database,
            vault=None if kms is None else open_vault(kms, vault_database),
            redis=redis,
            cache_redis=_redis(cache_url) if cache_url else redis,
            clickhouse=ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database),
            nats=Nats(nats_url, CLIENT_ID) if nats_url else None,
            oidc=service_client("", {}, OIDC_CONNECTIONS),
        )

    def open(self, stack: AsyncExitStack) -> None:
        """Begin to connect where that is a task of its own; ``stack`` closes everything."""
        stack.push_async_callback(self.clickhouse.close)
        stack.push_async_callback(self.oidc.aclose)
        stack.push_async_callback(close, self.redis)
        stack.push_async_callback(close, self.cache_redis)
        stack.push_async_callback(self.database.close)
        stack.push_async_callback(self.vault_database.close)
        if self.kms is not None:
            stack.push_async_callback(self.kms.close)
        stack.push_async_callback(self.log.stop)
        if self.nats is not None:
            self.nats.start()
            stack.push_async_callback(self.nats.stop)


def _database(dsn: str) -> Database:
    return Database(dsn, max_connections=POSTGRES_CONNECTIONS, timeout_s=DEPENDENCY_TIMEOUT_S)


def _redis(url: str) -> Redis:
    return connect_bounded(url, connections=REDIS_CONNECTIONS, timeout_s=DEPENDENCY_TIMEOUT_S)
