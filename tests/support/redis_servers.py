"""Redis servers of our own for tests of clients: a cluster of three nodes, and a single one to stop and start."""

import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.local.engines.redis import server_binary

USER, SECRET = "agent", "s3cret"
SLOTS = 16_384
READY_S = 30.0


class Server:
    """One server with a user of its own; the default user is off."""

    def __init__(self, home: Path, *options: str) -> None:
        self.port = free_port()
        home.mkdir(parents=True, exist_ok=True)
        self._command = [str(server_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home)]
        config = home / "redis.conf"
        config.write_text(f'save ""\nuser {USER} on >{SECRET} ~* +@all\nuser default off\n')
        self._command += ["--loglevel", "warning", *options]
        self._command.insert(1, str(config))
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
def cluster(home: Path) -> Iterator[Sequence[Server]]:
    """Yield the three servers of a cluster, with a third of the slots each."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(single(home / str(n), "--cluster-enabled", "yes")) for n in range(3)]
        for n, node in enumerate(nodes):
            redis = Redis.from_url(node.url)
            redis.execute_command("CLUSTER ADDSLOTS", *range(n * SLOTS // 3, (n + 1) * SLOTS // 3))
            redis.execute_command("CLUSTER SET-CONFIG-EPOCH", n + 1)
            for other in nodes[:n]:
                redis.execute_command("CLUSTER MEET", "127.0.0.1", other.port)
            redis.close()
        for node in nodes:
            until(node, lambda redis: redis.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield nodes
