"""What the roles of one process share, and the clients that each of them asks for. All are closed with the process."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from connectors.aio.clock import WallClock
from connectors.clickhouse.client import ClickHouse
from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.kafka.deadline_appender import DeadlineAppender
from connectors.kafka.log import KafkaLog
from connectors.kms.opening import open_kms
from connectors.nats.pubsub import Nats
from connectors.objects.s3 import s3_access
from connectors.objects.store import Objects, open_objects
from connectors.ports.engine import InRecord
from connectors.ports.kms import Kms
from connectors.ports.pubsub import NoPubSub, PubSub
from connectors.postgres.database import Database
from connectors.redis.client import connect_pipelined
from connectors.redis.fenced_table import RedisTable
from connectors.tools import load_entry_points
from connectors.tools.tools_file import ToolsFile
from schemas.settings import Settings
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.sealed_events import SealedEvents
from services.privacy.subjects.wiring import sealing_objects
from services.privacy.vault.opening import OpenVault, open_vault
from streams.process.metrics import TakeTimes
from streams.runtime.consumer.poll import PollHandler
from streams.runtime.consumer.transport import DRAIN_S, Member, PollApp, Reads
from streams.runtime.dead_letters import dead_letter
from streams.runtime.table import crash_points
from streams.runtime.table.agent import TableAgent
from streams.runtime.table.spec import Hooks, Ports, TableSpec, Tuning
from topics.groups import group_of

log = logging.getLogger(__name__)

#: A write to PostgreSQL or ClickHouse takes a whole batch; what is slower than this is down.
STORE_TIMEOUT_S = 15.0
#: A look at the vault is a row or a few; what waits for it is a step of a run.
VAULT_TIMEOUT_S = 5.0
VAULT_CONNECTIONS = 4


@dataclass
class RoleContext:
    """What the roles of one process share. ``env`` has the secrets that tools may be given, besides the settings."""

    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    log: KafkaLog
    redis: Redis
    registry: CollectorRegistry
    takes: TakeTimes
    stack: AsyncExitStack
    clock: WallClock = field(default_factory=WallClock)
    _pipelined: Redis | None = field(default=None, init=False, repr=False)
    _kms: Kms | None = field(default=None, init=False, repr=False)
    _vault: OpenVault | None = field(default=None, init=False, repr=False)
    _tools_loaded: bool = field(default=False, init=False, repr=False)

    def pipelined(self) -> Redis:
        """Return the client for many small calls at once, one for the process. Tables have ``redis`` for themselves."""
        if self._pipelined is None:
            self._pipelined = connect_pipelined(self.settings.redis.url.get_secret_value())
            self.on_close(self._pipelined.aclose)
        return self._pipelined

    def on_close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Call this when the process ends; the last one first. What it raises is logged and keeps nothing open."""
        self.stack.push_async_callback(_closed, close)

    def load_tools(self) -> None:
        """Load the tools, functions and providers of packages and of the user's file, once for all roles."""
        if not self._tools_loaded:
            self._tools_loaded = True
            load_entry_points()
            if self.settings.tools.file:
                ToolsFile(Path(self.settings.tools.file)).refresh()

    def database(self, *, max_connections: int = 4, dsn: str = "") -> Database:
        """Return a pool of the caller's own, to PostgreSQL or to another database."""
        dsn = dsn or self.settings.postgres.dsn.get_secret_value()
        database = Database(dsn, max_connections=max_connections, timeout_s=STORE_TIMEOUT_S)
        self.on_close(database.close)
        return database

    def kms(self) -> Kms | None:
        """Return the master keys, closed with the process; ``None`` without any. Raises ``ValueError``."""
        if self._kms is None:
            self._kms = open_kms(self.settings.security, self.settings.vault)
            if self._kms is not None:
                self.on_close(self._kms.close)
        return self._kms

    def vault(self) -> OpenVault | None:
        """Return keys of organisations and subjects and their tokens, one for the process, for all of its roles.

        ``None`` without a master key. Raises ``ValueError`` for a wrong one.
        """
        kms = self.kms()
        if self._vault is None and kms is not None:
            dsn = self.settings.vault.dsn.get_secret_value() or self.settings.postgres.dsn.get_secret_value()
            database = Database(dsn, max_connections=VAULT_CONNECTIONS, timeout_s=VAULT_TIMEOUT_S)
            self.on_close(database.close)
            self._vault = open_vault(kms, database)
        return self._vault

    def cache_redis(self) -> Redis:
        """Return the Redis of cached answers: one of its own with ``CACHE_REDIS_URL``, else that of the tables."""
        url = self.settings.cache.url.get_secret_value()
        if not url:
            return self.pipelined()
        redis = connect_pipelined(url)
        self.on_close(redis.aclose)
        return redis

    def clickhouse(self) -> ClickHouse:
        """Return a client of the caller's own."""
        settings = self.settings.clickhouse
        client = ClickHouse(settings.url.get_secret_value(), settings.database)
        self.on_close(client.close)
        return client

    def nats(self, name: str) -> Nats | None:
        """Return a connection of the caller's own, which is made in the background; ``None`` without ``NATS_URL``."""
        url = self.settings.nats.url.get_secret_value()
        if not url:
            return None
        nats = Nats(url, name)
        nats.start()
        self.on_close(nats.stop)
        return nats

    def bus(self, role: str) -> PubSub:
        """Return the role's own connection to NATS; without ``NATS_URL`` one to nobody."""
        return self.nats(f"agentflow-{role}") or NoPubSub()

    def objects(self) -> Objects:
        """Return where values over the inline limit are."""
        settings = self.settings.objects
        return sealing_objects(open_objects(settings.url, settings.directory, s3_access(settings)), self.subject_keys())

    def subject_keys(self) -> SubjectKeys | None:
        """Return the keys of data subjects, those of ``vault``; ``None`` without a master key."""
        vault = self.vault()
        return None if vault is None else vault.keys

    def sealed_events(self) -> SealedEvents | None:
        """Return what seals events of data subjects for topics, and opens them; ``None`` without a master key."""
        keys = self.subject_keys()
        return None if keys is None else SealedEvents(self.objects(), keys, looks_personal)

    def appender(self) -> DeadlineAppender:
        """Return an appender that a batch waits for, and not for ever."""
        return DeadlineAppender(self.log, STORE_TIMEOUT_S)

    async def dead_letter(self, record: InRecord, reason: str, message: str) -> None:
        """Put a record aside and wait for the acknowledgement."""
        await self.log.append([dead_letter(record, reason, message, self.clock.now_ms())])

    def table_agent(self, role: str, table: str, spec: TableSpec, *, foreign_timers: bool = False) -> TableAgent:
        """Return the owner of a role's table. ``foreign_timers``: other processes arm timers of it as well."""
        ports = Ports(
            table=RedisTable(self.redis, table, foreign_timers=foreign_timers),
            log=self.log,
            checkpoints=KafkaCheckpoints(self.settings.kafka.bootstrap, table),
            clock=self.clock,
        )
        crash_at = self.settings.process.crash_point
        hooks = Hooks(
            on_taken=self.takes.of(role),
            crash_point=crash_points.CrashAt(crash_at) if crash_at else crash_points.no_crash,
        )
        tuning = Tuning(checkpoint_ms=self.settings.tables.checkpoint_interval_ms)
        return TableAgent(spec, ports, tuning=tuning, hooks=hooks)

    def app(
        self,
        role: str,
        handler: PollHandler,
        reads: Reads,
        *,
        drain_s: float = DRAIN_S,
        settle_s: float | None = None,
    ) -> PollApp:
        """Return the role's Faust app."""
        kafka = self.settings.kafka
        member = Member(
            bootstrap=kafka.bootstrap,
            client_id=f"agentflow-{role}",
            session_timeout_ms=kafka.session_timeout_ms,
            instance_id=kafka.group_instance_id,
        )
        return PollApp(group_of(role), handler, reads, member, drain_s=drain_s, settle_s=settle_s)


async def _closed(close: Callable[[], Awaitable[object]]) -> None:
    try:
        await close()
    except Exception as exc:  # noqa: BLE001 - the rest must be closed, too
        log.warning("closing: %r", exc, extra={"action": "close"})
