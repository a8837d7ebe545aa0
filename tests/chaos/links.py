"""The links between roles and engines: who has which, on which ports, and how they are told to misbehave."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

from deploy.local.engines.ports import LOOPBACK, PortBook
from deploy.local.roles import RoleProcess
from tests.chaos.plan import EVERY

MODEL = "model"
KAFKA = "kafka"

#: What each role connects to, by the name of its process without its number.
ENGINES_OF_ROLE: Mapping[str, Sequence[str]] = {
    "api": ("kafka", "redis", "postgres", "clickhouse", "nats"),
    "orchestrator": ("kafka", "redis"),
    "worker": ("kafka", "redis", "nats", MODEL),
    "budgets": ("kafka", "redis"),
    "admission": ("kafka", "redis"),
    "routes": ("kafka", "redis"),
    "sinks": ("kafka", "redis", "postgres", "clickhouse", "nats"),
}


def engines_of(process: str) -> Sequence[str]:
    """Return what a process connects to; ``worker-2`` is a worker."""
    return ENGINES_OF_ROLE[process.partition("-")[0]]


@dataclass
class Links:
    """The ports of every link, ``role>engine``: where it listens, and where it leads.

    The broker tells its clients where to find it, so each role has a listener of its own there, which says that it
    is behind the role's link.
    """

    processes: Sequence[str]
    listens: dict[str, int] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)

    def choose(self, ports: PortBook) -> None:
        """Take ports for all links, and for the broker's listeners."""
        for process in self.processes:
            for engine in engines_of(process):
                self.listens[f"{process}>{engine}"] = ports.port(f"link-{process}-{engine}")
            self.targets[f"{process}>{KAFKA}"] = ports.port(f"kafka-{process}")

    def lead_to(self, ports: Mapping[str, int]) -> None:
        """Say where engines listen that have one listener for everybody."""
        for name in self.listens:
            engine = name.partition(">")[2]
            if engine in ports:
                self.targets[name] = ports[engine]

    def listeners(self) -> Mapping[str, tuple[int, int]]:
        """Return the broker's listeners for the roles: the port of each and the port that it names to clients."""
        return {
            process: (self.targets[f"{process}>{KAFKA}"], self.listens[f"{process}>{KAFKA}"])
            for process in self.processes
        }

    def named(self, target: str) -> list[str]:
        """Return the links that a fault's target means."""
        role, _, engine = target.partition(">")
        return [name for name in self.listens if name == target or (role == EVERY and name.endswith(f">{engine}"))]

    def as_json(self) -> str:
        """Return what the proxy reads."""
        return json.dumps({name: [listen, self.targets[name]] for name, listen in self.listens.items()})


class ProxyProcess:
    """The proxy as a process of its own, and the way to tell it what to do."""

    def __init__(self, data_dir: Path, links: Links) -> None:
        path = data_dir / "links.json"
        path.write_text(links.as_json())
        argv = ["-m", "tests.chaos.proxy", str(path)]
        log = data_dir / "logs" / "proxy.log"
        self.process = RoleProcess("proxy", argv, {}, log, death_signal=SIGKILL)

    async def tell(self, links: Sequence[str], do: str, amount: float = 0) -> None:
        """Begin or end a fault on these links. Raises ``OSError`` and ``ValueError``."""
        reader, writer = await asyncio.open_connection(LOOPBACK, int(str(self.process.ready["control"])))
        try:
            writer.write(json.dumps({"links": list(links), "do": do, "amount": amount}).encode() + b"\n")
            answer = json.loads(await reader.readline())
        finally:
            writer.close()
        if not answer["ok"]:
            raise ValueError(answer["why"])
