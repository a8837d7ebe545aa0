"""Several servers of Redis: a cluster of masters with replicas, or a master with a replica and three Sentinels."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from connectors.objects import atomic_file
from deploy.local.engines.engine import EngineContext, Launch
from deploy.local.engines.errors import EngineStartError
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.redis import RedisEngine, server_binary
from deploy.local.engines.several import Several

MASTERS, SLOTS = 3, 16_384
SENTINELS, QUORUM = 3, 2
MASTER = "agentflow"
#: A master that is silent for so long is replaced.
SILENT_MS = 1_000
FORMED_WITHIN_S = 30.0
#: Nodes of a cluster speak with each other on a second port, so much higher: Redis 6.2 has no setting for it.
BUS_ABOVE = 10_000


class RedisServer(RedisEngine):
    """One of several. Its file is written once: Redis writes into it who its master is."""

    options: dict[str, str] = {}

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = self.choose_port()

    def choose_port(self) -> int:
        """Return the port that it gets, or has had."""
        if "cluster-enabled" in self.options:
            return self.context.ports.port_with_bus(self.name, BUS_ABOVE)
        return self.context.ports.port(self.name)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def prepare(self) -> None:
        if not self._config.exists():
            super().prepare()

    def ask(self, *words: Any) -> Any:
        """Return the answer to one command. Raises redis-py's errors."""
        redis = Redis(host=LOOPBACK, port=self._port, password=self.context.secret, socket_timeout=5)
        try:
            answer: Any = redis.execute_command(*words)  # type: ignore[no-untyped-call] # as redis-py has it
            return answer
        finally:
            redis.close()

    def _settings(self) -> dict[str, str]:
        # A master that comes back without its data, before it was missed, would empty its replicas: so each has a log.
        log = {"appendonly": "yes", "appendfsync": "everysec", "masterauth": self.context.secret}
        return super()._settings() | log | self.options


class Sentinel(RedisServer):
    """One that watches a master."""

    def launch_spec(self) -> Launch:
        return Launch([str(server_binary()), str(self._config), "--sentinel"])

    def prepare(self) -> None:
        if self._config.exists():
            return
        self.home.mkdir(parents=True, exist_ok=True)
        secret, watched = self.context.secret, self.context.ports.port("redis-1")
        lines = (
            f"bind {LOOPBACK}", f"port {self._port}", f'dir "{self.home}"', f"requirepass {secret}",
            f"sentinel sentinel-pass {secret}",
            f"sentinel monitor {MASTER} {LOOPBACK} {watched} {QUORUM}", f"sentinel auth-pass {MASTER} {secret}",
            f"sentinel down-after-milliseconds {MASTER} {SILENT_MS}", f"sentinel failover-timeout {MASTER} 5000",
        )  # fmt: skip
        atomic_file.replace(self._config, "".join(f"{line}\n" for line in lines).encode())


class RedisCluster(Several):
    """Three masters with a third of the slots each, and a replica for each of them."""

    name = "redis"

    def __init__(self, context: EngineContext, replicas: int = 1) -> None:
        options = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": str(SILENT_MS),
            "cluster-replica-validity-factor": "0",
        }
        count = MASTERS * (1 + replicas)
        super().__init__(context, [_server(f"redis-{n}", options)(context) for n in range(1, count + 1)])

    @property
    def address(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{server.port}" for server in self._nodes)
        return f"redis+cluster://:{self.context.secret}@{hosts}"

    @property
    def _nodes(self) -> list[RedisServer]:
        return [server for server in self.servers if isinstance(server, RedisServer)]

    def join(self) -> None:
        """Give out the slots the first time, then wait until all nodes agree. Raises EngineStartError."""
        nodes = self._nodes
        masters, replicas = nodes[:MASTERS], nodes[MASTERS:]
        if int(_info(nodes[0])["cluster_known_nodes"]) < len(nodes):
            self._meet(masters)
            for node in nodes:
                _until(f"{node.name} knows all", partial(_knows, node, len(nodes)))
            for n, node in enumerate(replicas):
                name = masters[n % MASTERS].ask("CLUSTER", "MYID")
                _until(f"{node.name} is a replica", partial(node.ask, "CLUSTER", "REPLICATE", name))
        for node in nodes:
            _until(f"{node.name} sees all slots", partial(_is_whole, node))
        for node in replicas:
            _until(f"{node.name} has its master's data", partial(_is_linked, node))

    def _meet(self, masters: list[RedisServer]) -> None:
        for n, node in enumerate(masters):
            with suppress(RedisError):  # some are given out already, if an earlier start was cut short
                node.ask("CLUSTER", "ADDSLOTS", *range(n * SLOTS // MASTERS, (n + 1) * SLOTS // MASTERS))
        for n, node in enumerate(self._nodes):
            with suppress(RedisError):
                node.ask("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            for other in self._nodes[:n]:
                node.ask("CLUSTER", "MEET", LOOPBACK, other.port)


class RedisWatched(Several):
    """A master, its replica, and three Sentinels that put the replica in the master's place."""

    name = "redis"

    def __init__(self, context: EngineContext) -> None:
        first = context.ports.port("redis-1")
        servers = [
            _server("redis-1", {})(context),
            _server("redis-2", {"replicaof": f"{LOOPBACK} {first}"})(context),
        ]
        watchers = [_sentinel(f"sentinel-{n}")(context) for n in range(1, SENTINELS + 1)]
        super().__init__(context, [*servers, *watchers])

    @property
    def address(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{one.port}" for one in self.servers if isinstance(one, Sentinel))
        login = f"master={MASTER}&sentinel_password={self.context.secret}"
        return f"redis+sentinel://:{self.context.secret}@{hosts}/0?{login}"

    def join(self) -> None:
        """Wait until each Sentinel knows the others and the replica. Raises EngineStartError."""
        for one in self.servers:
            if isinstance(one, Sentinel):
                _until(f"{one.name} knows the others", partial(_knows_all, one))


def _knows_all(sentinel: Sentinel) -> bool:
    found = sentinel.ask("SENTINEL", "MASTER", MASTER)
    said = dict(zip(found[::2], found[1::2], strict=True)) if isinstance(found, list) else found
    said = {_text(name): _text(value) for name, value in said.items()}
    return int(said["num-slaves"]) >= 1 and int(said["num-other-sentinels"]) == SENTINELS - 1


def _info(node: RedisServer) -> dict[str, str]:
    found: dict[str, str] = node.ask("CLUSTER INFO")
    return found


def _knows(node: RedisServer, count: int) -> bool:
    return _info(node)["cluster_known_nodes"] == str(count)


def _is_whole(node: RedisServer) -> bool:
    return _info(node)["cluster_state"] == "ok"


def _is_linked(node: RedisServer) -> bool:
    role = node.ask("ROLE")
    # After an earlier failover it may be the master, and its master of the first start the replica.
    return bool(role[0] == b"master" or role[3] == b"connected")


def _text(raw: object) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def _until(what: str, ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + FORMED_WITHIN_S
    while True:
        with suppress(RedisError):
            if ready():
                return
        if time.monotonic() > deadline:
            raise EngineStartError(f"redis: after {FORMED_WITHIN_S:.0f} s it still is not so that {what}")
        time.sleep(0.05)


def _server(name: str, options: dict[str, str]) -> type[RedisServer]:
    """Return the engine of one server: an engine's name is its class's."""
    return type(name, (RedisServer,), {"name": name, "options": options})


def _sentinel(name: str) -> type[Sentinel]:
    return type(name, (Sentinel,), {"name": name})
