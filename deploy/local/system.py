"""The whole system on this machine: engines, schema, topics and roles, with data in one directory."""

import asyncio
import http.client
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.cluster_stack import ClusterStack, RedisKind
from deploy.local.engines.kafka_cluster import replicas_of
from deploy.local.engines.ports import LOOPBACK, PortBook
from deploy.local.engines.progress import Progress, heartbeat, silent
from deploy.local.engines.secret_files import read_secret
from deploy.local.roles import RoleProcess, RoleStartError, stop_all

if TYPE_CHECKING:
    import httpx

ORG = "default"
PARTITIONS = 4
READY_TIMEOUT_S = 60.0
REQUEST_S = 10.0

#: The roles that share a process. Few processes cost least on two cores; any role may also run alone. The sinks are a
#: process of their own, since their decoding and writing would delay the runs.
LAYOUT: Mapping[str, tuple[str, ...]] = {
    "streams": (
        "ingress",
        "orchestrator",
        "budgets",
        "admission",
        "routes",
        "deployments",
        "rollouts",
        "scheduler",
        "leases",
        "batches",
        "scores",
        "quality",
        "traces",
        "retention",
        "triggers",
    ),
    "sinks": ("audit", "history", "analytics", "live", "events", "webhooks", "otlp-export", "live-cost", "bridge"),
    "worker": ("worker",),
}
#: A group notices a dead member after its session; on one machine that need not be long.
SESSION_TIMEOUT_MS = 6_000


@dataclass
class System:
    """The whole system, started in order and stopped in reverse. ``env`` adds to every role's environment.

    ``warn`` gets what somebody must know, such as a damaged file. ``durable`` keeps data safe against a crash of the
    machine; temporary directories do without. ``partitions`` is that of new topics. The API listens on ``port``, or on
    one that this directory keeps. ``brokers`` is 1, or 3 and more; ``redis`` may be several servers, too. ``tls``
    encrypts every connection to the engines. ``jvm_options`` are added to those of brokers.
    """

    data_dir: Path
    durable: bool = True
    layout: Mapping[str, Sequence[str]] = field(default_factory=lambda: LAYOUT)
    env: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent
    warn: Progress = silent
    with_api: bool = True
    partitions: int = PARTITIONS
    port: int | None = None
    brokers: int = 1
    redis: RedisKind = "single"
    tls: bool = False
    jvm_options: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.resolve()
        self.stack: EngineStack = ClusterStack(
            self.data_dir,
            brokers=self.brokers,
            redis=self.redis,
            durable=self.durable,
            progress=self.progress,
            warn=self.warn,
            tls=self.tls,
            jvm_options=self.jvm_options,
        )
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
                self.prepare()
            with heartbeat(self.progress, "starting the roles"):
                self.start_roles()
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """Migrate the schemas and create the topics, on engines that serve. Safe to repeat."""
        # Imported late: it takes longer to load than the engines take to start.
        from deploy.local.preparation import prepare

        asyncio.run(prepare(self.stack.endpoints, self.partitions, ORG))

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

    def client(self) -> "httpx.Client":
        """Return an HTTP client with the bootstrap key."""
        from connectors.http.clients import blocking_local_client

        return blocking_local_client(self.api_url, {"Authorization": f"Bearer {self.api_key}"}, timeout_s=60)

    def endpoints_of(self, name: str) -> Endpoints:
        """Return the addresses of the engines for a process of roles; tests put a proxy between them."""
        return self.endpoints

    def role_env(self, name: str) -> dict[str, str]:
        """Return the environment of a process of roles."""
        replication, min_isr = replicas_of(self.brokers)
        return {
            **self.endpoints_of(name).as_env(),
            "API_HOST": LOOPBACK,
            "API_PORT": str(self.api_port),
            "API_KEY": self.api_key,
            "KEY_PEPPER": self._secret("key-pepper"),
            # Whoever has read `.agentflow/env` into the shell has these, and both at once are refused.
            "VAULT_KEY": self._secret("vault-key"),
            "AUDIT_KEY": self._secret("audit-key"),
            "API_KEY_FILE": "",
            "KEY_PEPPER_FILE": "",
            "VAULT_KEY_FILE": "",
            "AUDIT_KEY_FILE": "",
            "DEFAULT_ORG_ID": ORG,
            "TOPIC_PARTITIONS": str(self.partitions),
            "TOPIC_REPLICATION": str(replication),
            "TOPIC_MIN_ISR": str(min_isr),
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

    def make_roles(self) -> None:
        """Choose the API's port and make the processes of the roles, not yet started. The engines must have ports."""
        self.endpoints = self.stack.endpoints
        self.api_port = self.port or PortBook(self.data_dir / "ports.json", self.warn).port("api")
        self.roles = {name: self.role(name, roles) for name, roles in self.layout.items()}
        if self.with_api:
            self.roles["api"] = self.process("api", ["-m", "api"], self.role_env("api"))

    def api_serves(self) -> bool:
        """Return whether the API is ready and answers a request with the bootstrap key."""
        # Asked often, and a client of HTTPX takes longer to make than the API to answer.
        conn = http.client.HTTPConnection(LOOPBACK, self.api_port, timeout=REQUEST_S)
        try:
            return all(self._status(conn, path) == 200 for path in ("/ready", "/api/v1/workflows/runs"))
        except (OSError, http.client.HTTPException):
            return False
        finally:
            conn.close()

    def _status(self, conn: http.client.HTTPConnection, path: str) -> int:
        conn.request("GET", path, headers={"Authorization": f"Bearer {self.api_key}"})
        answer = conn.getresponse()
        answer.read()
        return answer.status

    def start_roles(self) -> None:
        """Start the roles on engines that serve, and the API; return when all are ready. Raises ``RoleStartError``."""
        self.make_roles()
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
            if self.api_serves():
                return
            time.sleep(0.1)
        raise RoleStartError(f"the API is not ready\n{self.roles['api'].log_tail()}")

    def _secret(self, name: str) -> str:
        return read_secret(self.data_dir / name, lambda: f"af-local-{secrets.token_urlsafe(24)}", self.warn)


def _named(name: str) -> dict[str, str]:
    """Return a process' names. The second marks its replacement as the new owner of its partitions."""
    return {"WORKER_ID": name, "GROUP_INSTANCE_ID": name}
