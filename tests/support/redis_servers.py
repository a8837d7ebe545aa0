"""Redis servers of our own for tests of clients: a cluster, a master that Sentinels watch, and a single one."""

import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.local.engines.redis import server_binary

USER, SECRET, MASTER = "agent", "s3cret", "agentflow"
SLOTS = 16_384
READY_S = 30.0


class Server:
    """One server with a user of its own; the default user is off."""

    def __init__(self, home: Path, *options: str, config: str = "") -> None:
        self.port = free_port()
        home.mkdir(parents=True, exist_ok=True)
        self._command = [str(server_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home)]
        file = home / "redis.conf"
        # Sentinels have no snapshots, and write into their file.
        file.write_text(f"user {USER} on >{SECRET} ~* &* +@all\nuser default off\n" + (config or 'save ""\n'))
        self._command += ["--loglevel", "warning", *options]
        self._command.insert(1, str(file))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{USER}:{SECRET}@127.0.0.1:{self.port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self, lambda redis: bool(redis.ping()))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port() -> int:
    """Return a port that is free, with that of a cluster's bus 10,000 above it."""
    while True:
        port = random.randint(20_000, 45_000)
        with suppress(OSError), socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port


def until(server: Server, ready: Callable[[Redis], bool], seconds: float = READY_S) -> None:
    """Wait until a server answers so that ``ready`` is true of it."""
    redis, deadline = Redis.from_url(server.url), time.monotonic() + seconds
    while True:
        with suppress(RedisError):
            if ready(redis):
                break
        assert time.monotonic() < deadline, f"redis at {server.port} is not ready after {seconds:g} s"
        time.sleep(0.02)
    redis.close()


@contextmanager
def single(home: Path, *options: str) -> Iterator[Server]:
    """Yield a server that runs."""
    server = Server(home, *options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def cluster(home: Path, replicas: int = 0) -> Iterator[Sequence[Server]]:
    """Yield the servers of a cluster: three with a third of the slots each, then ``replicas`` for each of them."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0")
    login = ("--masteruser", USER, "--masterauth", SECRET)
    with ExitStack() as stack:
        count = 3 * (1 + replicas)
        nodes = [stack.enter_context(single(home / str(n), *options, *login)) for n in range(count)]
        for n, node in enumerate(nodes):
            redis = Redis.from_url(node.url)
            if n < 3:
                redis.execute_command("CLUSTER ADDSLOTS", *range(n * SLOTS // 3, (n + 1) * SLOTS // 3))
            redis.execute_command("CLUSTER SET-CONFIG-EPOCH", n + 1)
            for other in nodes[:n]:
                redis.execute_command("CLUSTER MEET", "127.0.0.1", other.port)
            redis.close()
        for node in nodes:
            until(node, lambda redis: redis.execute_command("CLUSTER INFO")["cluster_known_nodes"] == str(count))
        for n, node in enumerate(nodes[3:]):
            _replicate(node, nodes[n % 3])
        for node in nodes:
            until(node, lambda redis: redis.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield nodes


def _replicate(node: Server, master: Server) -> None:
    redis = Redis.from_url(master.url)
    name = redis.execute_command("CLUSTER MYID")
    redis.close()
    until(node, lambda redis: bool(redis.execute_command("CLUSTER REPLICATE", name)))
    until(node, lambda redis: redis.info("replication")["master_link_status"] == "up")


@dataclass(frozen=True)
class Watched:
    """A master, its replica, and the Sentinels that watch them. ``url`` is what clients get."""

    servers: Sequence[Server]
    sentinels: Sequence[Server]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        login = f"sentinel_username={USER}&sentinel_password={SECRET}"
        return f"redis+sentinel://{USER}:{SECRET}@{hosts}/0?master={MASTER}&{login}"


@contextmanager
def watched(home: Path, *options: str) -> Iterator[Watched]:
    """Yield a master with a replica and three Sentinels, which miss a master after half a second."""
    login = ("--masteruser", USER, "--masterauth", SECRET, *options)
    with ExitStack() as stack:
        master = stack.enter_context(single(home / "0", *login))
        replica = stack.enter_context(single(home / "1", *login, "--replicaof", "127.0.0.1", str(master.port)))
        until(replica, lambda redis: redis.info("replication")["master_link_status"] == "up")
        watch = (
            f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 2\n"
            f"sentinel auth-user {MASTER} {USER}\nsentinel auth-pass {MASTER} {SECRET}\n"
            f"sentinel sentinel-user {USER}\nsentinel sentinel-pass {SECRET}\n"
            f"sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 3000\n"
        )
        sentinels = []
        for n in range(3):
            sentinel = Server(home / f"sentinel{n}", "--sentinel", config=watch)
            stack.callback(sentinel.stop)
            sentinel.start()
            sentinels.append(sentinel)
        for sentinel in sentinels:
            until(sentinel, _knows_all)
        yield Watched([master, replica], sentinels)


def _knows_all(redis: Redis) -> bool:
    (found,) = redis.sentinel_masters().values()
    return int(found["num-slaves"]) == 1 and int(found["num-other-sentinels"]) == 2
