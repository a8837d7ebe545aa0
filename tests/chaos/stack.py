"""The whole system with a proxy between every role and every engine, each role of its own, some of them twice."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGKILL
from urllib.parse import urlsplit

import psutil

from deploy.local.engines import Endpoints, EngineStack
from deploy.local.engines.engine import Engine
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.ports import LOOPBACK
from deploy.local.roles import RoleProcess
from deploy.local.system import System
from schemas.configuration.kafka_access import reached_alike
from tests.chaos.links import KAFKA, MODEL, Links, ProxyProcess, engines_of
from tests.chaos.plan import Kind, Targets
from tests.chaos.scenarios.nodes import ROUTES
from tests.support.crashes import HOLD_TTL_MS, LEASE_MS, SESSION_MS, model_process

ENGINES = ("kafka", "redis", "postgres", "clickhouse", "nats")
#: Two of each owner, so that one that was stopped wakes as a zombie beside its successor.
LAYOUT: Mapping[str, tuple[str, ...]] = {
    "orchestrator-1": ("orchestrator",),
    "orchestrator-2": ("orchestrator",),
    "worker-1": ("worker",),
    "worker-2": ("worker",),
    "budgets-1": ("budgets",),
    "budgets-2": ("budgets",),
    "admission-1": ("admission",),
    "admission-2": ("admission",),
    "routes-1": ("routes",),
    "routes-2": ("routes",),
    "sinks": ("ingress", "history", "analytics", "live"),
}
PROXIED = (*LAYOUT, "api")
#: What faults may hit. The model and the proxy must live: the one counts, the other heals.
TARGETS = Targets([*PROXIED, *ENGINES], [MODEL], {process: engines_of(process) for process in PROXIED})
ERROR_RATE = 0.05
LATENCY_MS, JITTER_MS = 100, 300


class ProxiedKafka(KafkaEngine):
    """A broker with a listener for each role, which names the role's link as its address."""

    listeners: Mapping[str, tuple[int, int]] = {}

    def _write_config(self) -> None:
        super()._write_config()
        names = {process.upper().replace("-", "_"): ports for process, ports in self.listeners.items()}
        roles = ["CLIENTS", *names]
        listens = [f"CLIENTS://{self.address}", f"CONTROLLER://{LOOPBACK}:{self._controller_port}"]
        listens += [f"{name}://{LOOPBACK}:{here}" for name, (here, _) in names.items()]
        named = [f"CLIENTS://{self.address}", *(f"{n}://{LOOPBACK}:{there}" for n, (_, there) in names.items())]
        own = {
            "listeners": ",".join(listens),
            "advertised.listeners": ",".join(named),
            "listener.security.protocol.map": ",".join(
                [*(f"{name}:{self.protocol}" for name in roles), "CONTROLLER:PLAINTEXT"]
            ),
            "num.network.threads": "1",  # of each listener, and there are many
        }
        with self._config.open("a") as config:  # the last line of a name counts
            config.writelines(f"{key}={value}\n" for key, value in own.items())


class ProxiedStack(EngineStack):
    """The engines, the broker with the links' listeners."""

    links: Links

    def open(self) -> None:
        super().open()
        context = self._engines["kafka"].context
        self.links.choose(context.ports)
        broker = ProxiedKafka(context)
        broker.listeners = self.links.listeners()
        self._engines["kafka"] = broker


@dataclass
class LoadedSystem(System):
    """The system with every role of its own, and the model as a process that is started before them."""

    durable: bool = False
    chain_steps: bool = False
    layout: Mapping[str, Sequence[str]] = field(default_factory=lambda: LAYOUT)
    env: Mapping[str, str] = field(
        default_factory=lambda: {
            "CLAIM_LEASE_MS": str(LEASE_MS),
            "HOLD_TTL_MS": str(HOLD_TTL_MS),
            "SESSION_TIMEOUT_MS": str(SESSION_MS),
            "WORKER_DRAIN_S": "5",
            "WORKER_CONCURRENCY": "30",
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.env = {**self.env, "CHAIN_STEPS": str(self.chain_steps).lower(), "ROUTES_FILE": str(self._routes_file())}
        self.model = model_process(self.data_dir, LATENCY_MS, jitter_ms=JITTER_MS, error_rate=ERROR_RATE)
        self.model.death_signal = SIGKILL

    def _routes_file(self) -> Path:
        file = self.data_dir / "routes.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ROUTES), encoding="utf-8")
        return file

    def stop(self) -> None:
        """Stop everything, also what is suspended."""
        for name in (*self.roles, *ENGINES, MODEL):
            resume(self.pid_of(name))
        super().stop()
        self.model.stop(timeout_s=5)

    def pid_of(self, name: str) -> int | None:
        """Return the process id of a role, an engine or the model, while it runs."""
        with suppress(KeyError):
            return self.find(name).pid
        return None

    def find(self, name: str) -> RoleProcess | Engine:
        """Return a role, an engine or the model by its name. Raises ``KeyError``."""
        if name == MODEL:
            return self.model
        return self.roles[name] if name in self.roles else self.stack.engine(name)  # type: ignore[arg-type]

    async def disturb(self, target: str, do: Kind, amount: float) -> None:
        """Begin a fault on links. Raises ``KeyError`` where there are none."""
        raise KeyError(f"there are no links, such as {target}, to {do}")

    async def heal(self, target: str) -> None:
        """End a fault on links."""

    @property
    def model_url(self) -> str:
        """Where the model listens, without a link between."""
        return f"http://{LOOPBACK}:{self.model.ready['port']}"

    def process(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> RoleProcess:
        """Return a process that ends with this one, also when it is suspended and so hears nothing but SIGKILL."""
        return replace(super().process(name, argv, env), death_signal=SIGKILL)

    def start_roles(self) -> None:
        if self.model.pid is None:
            self.model.start()
        super().start_roles()


@dataclass
class ChaosSystem(LoadedSystem):
    """The system to torment: with a proxy, a process of its own, between every role and every engine."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.links = Links(PROXIED)
        stack = ProxiedStack(self.data_dir, durable=False, progress=self.progress, tls=self.tls)
        stack.links = self.links
        self.stack = stack
        self.proxy: ProxyProcess | None = None

    def endpoints_of(self, name: str) -> Endpoints:
        """Return the engines as one role sees them: each behind its link."""

        def behind(address: str, engine: str) -> str:
            port = self.links.listens.get(f"{name}>{engine}")
            return address if port is None else at_port(address, port)

        real = self.endpoints
        return replace(
            real,
            kafka_bootstrap=reached_alike(real.kafka_bootstrap, f"{LOOPBACK}:{self.links.listens[f'{name}>{KAFKA}']}"),
            redis_url=behind(real.redis_url, "redis"),
            postgres_dsn=behind(real.postgres_dsn, "postgres"),
            clickhouse_url=behind(real.clickhouse_url, "clickhouse"),
            nats_url=behind(real.nats_url, "nats"),
        )

    def role_env(self, name: str) -> dict[str, str]:
        """Return the environment of a role; only workers know the model."""
        port = self.links.listens.get(f"{name}>{MODEL}")
        model = {} if port is None else {"LOCAL_PROVIDER_URL": f"http://{LOOPBACK}:{port}"}
        return super().role_env(name) | model

    def stop(self) -> None:
        """Stop everything, the proxy last."""
        super().stop()
        if self.proxy is not None:
            self.proxy.process.stop(timeout_s=5)

    async def disturb(self, target: str, do: Kind, amount: float) -> None:
        """Begin a fault on links."""
        assert self.proxy is not None
        await self.proxy.tell(self.links.named(target), do, amount)

    async def heal(self, target: str) -> None:
        """End a fault on links."""
        assert self.proxy is not None
        await self.proxy.tell(self.links.named(target), "heal")

    def start_roles(self) -> None:
        self.model.start()
        addresses = {
            "redis": self.endpoints.redis_url,
            "postgres": self.endpoints.postgres_dsn,
            "clickhouse": self.endpoints.clickhouse_url,
            "nats": self.endpoints.nats_url,
            MODEL: self.model_url,
        }
        self.links.lead_to({engine: int(urlsplit(address).port or 0) for engine, address in addresses.items()})
        self.proxy = ProxyProcess(self.data_dir, self.links)
        self.proxy.process.start()
        super().start_roles()


def resume(pid: int | None) -> None:
    """Wake a process and all below it."""
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            process.resume()


def suspend(pid: int | None) -> None:
    """Suspend a process and all below it."""
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            process.suspend()


def tree(pid: int | None) -> list[psutil.Process]:
    """Return a process and all below it; nothing if it is gone."""
    if pid is None:
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def at_port(address: str, port: int) -> str:
    """Return a URL with another port."""
    parts = urlsplit(address)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{LOOPBACK}:{port}").geturl()
