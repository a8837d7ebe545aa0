"""The whole system on this machine: engines, schema, topics and roles, with data in one directory."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from connectors.clickhouse.client import ClickHouse
from connectors.http.clients import blocking_local_client
from deploy import migrate
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.ports import LOOPBACK, PortBook, is_free
from deploy.local.engines.progress import Progress, heartbeat, silent
from deploy.local.roles import RoleProcess, RoleStartError, stop_all
from schemas.settings import Settings
from topics.admin import TopicAdmin
from topics.catalogue import wanted

ORG = "default"
PARTITIONS = 4
API_PORT = 8080
READY_TIMEOUT_S = 60.0

#: The roles that share a process. Few processes cost least on two cores; any role may also run alone. The sinks are a
#: process of their own, since their decoding and writing would delay the runs.
LAYOUT: Mapping[str, tuple[str, ...]] = {
    "streams": ("ingress", "orchestrator", "budgets", "admission", "scheduler"),
    "sinks": ("history", "analytics", "live"),
    "worker": ("worker",),
}
#: A group notices a dead member after its session; on one machine that need not be long.
SESSION_TIMEOUT_MS = 6_000


@dataclass
class System:
    """The whole system, started in order and stopped in reverse. ``env`` adds to every role's environment.

    ``durable`` keeps data safe against a crash of the machine; temporary directories do without. ``partitions`` is that
    of new topics.
    """

    data_dir: Path
    durable: bool = True
    layout: Mapping[str, Sequence[str]] = field(default_factory=lambda: LAYOUT)
    env: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent
    with_api: bool = True
    partitions: int = PARTITIONS

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.resolve()
        self.stack = EngineStack(self.data_dir, durable=self.durable, progress=self.progress)
        self.roles: dict[str, RoleProcess] = {}

    def __enter__(self) -> "System":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; return when the API reports that it is ready. Raises ``EngineError``."""
        try:
            with heartbeat(self.progress, "starting the engines: Kafka, Redis, PostgreSQL, ClickHouse, NATS"):
                self.endpoints = self.stack.start()
            with heartbeat(self.progress, "migrating the schemas and creating the topics"):
                asyncio.run(prepare(self.endpoints, self.partitions))
            with heartbeat(self.progress, "starting the roles"):
                self._start_roles()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything; safe to repeat."""
        if self.roles:
            with heartbeat(self.progress, "stopping the roles"):
                stop_all(list(self.roles.values()))
        with heartbeat(self.progress, "stopping the engines"):
            self.stack.stop()

    @property
    def api_key(self) -> str:
        """The bootstrap key of this data directory, generated on first use, readable by the owner only."""
        return self._secret("api-key")

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return f"http://{LOOPBACK}:{self.api_port}"

    def client(self) -> httpx.Client:
        """Return an HTTP client with the bootstrap key."""
        return blocking_local_client(self.api_url, {"Authorization": f"Bearer {self.api_key}"}, timeout_s=10)

    def endpoints_of(self, name: str) -> Endpoints:
        """Return the addresses of the engines for a process of roles; tests put a proxy between them."""
        return self.endpoints

    def role_env(self, name: str) -> dict[str, str]:
        """Return the environment of a process of roles."""
        return {
            **self.endpoints_of(name).as_env(),
            "API_HOST": LOOPBACK,
            "API_PORT": str(self.api_port),
            "API_KEY": self.api_key,
            "KEY_PEPPER": self._secret("key-pepper"),
            "DEFAULT_ORG_ID": ORG,
            "TOPIC_PARTITIONS": str(self.partitions),
            "OBJECTS_DIR": str(self.data_dir / "objects"),
            "RESULTS_DIR": str(self.data_dir / "results"),
            "SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            **self.env,
        }

    def role(self, name: str, roles: Sequence[str], env: Mapping[str, str] | None = None) -> RoleProcess:
        """Return a process of roles, not yet started."""
        return self.process(name, ["-m", "streams", *roles], {**self.role_env(name), **_named(name), **(env or {})})

    def process(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> RoleProcess:
        """Return a process with its log in this data directory, not yet started."""
        return RoleProcess(name, argv, env, self.data_dir / "logs" / f"{name}.log")

    def _start_roles(self) -> None:
        ports = PortBook(self.data_dir / "ports.json")
        self.api_port = API_PORT if self.durable and is_free(API_PORT) else ports.port("api")
        self.roles = {name: self.role(name, roles) for name, roles in self.layout.items()}
        if self.with_api:
            self.roles["api"] = self.process("api", ["-m", "api"], self.role_env("api"))
        for process in self.roles.values():
            process.launch()
        for name, process in self.roles.items():
            if name != "api":
                process.wait_ready(READY_TIMEOUT_S)
        if self.with_api:
            self._wait_for_api()

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.roles["api"].pid is None:
                break
            try:
                with self.client() as client:
                    if (
                        client.get("/ready").status_code == 200
                        and client.get("/api/v1/workflows/runs").status_code == 200
                    ):
                        return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise RoleStartError(f"the API is not ready\n{self.roles['api'].log_tail()}")

    def _secret(self, name: str) -> str:
        path = self.data_dir / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(f"af-local-{secrets.token_urlsafe(24)}")
        return path.read_text()


def _named(name: str) -> dict[str, str]:
    """Return a process' names. The second marks its replacement as the new owner of its partitions."""
    return {"WORKER_ID": name, "GROUP_INSTANCE_ID": name}


async def prepare(endpoints: Endpoints, partitions: int = PARTITIONS) -> None:
    """Migrate PostgreSQL and ClickHouse and create the topics. Safe to repeat."""
    async with asyncio.TaskGroup() as group:
        group.create_task(migrate.up(endpoints.postgres_dsn))
        group.create_task(_migrate_clickhouse(endpoints.clickhouse_url))
        group.create_task(_create_topics(endpoints.kafka_bootstrap, partitions))


async def _migrate_clickhouse(url: str) -> None:
    clickhouse = ClickHouse(url, Settings().clickhouse.database)
    try:
        await clickhouse.migrate()
    finally:
        await clickhouse.close()


async def _create_topics(bootstrap: str, partitions: int) -> None:
    async with TopicAdmin(bootstrap) as admin:
        await admin.create(wanted((ORG,)), partitions, 1)
