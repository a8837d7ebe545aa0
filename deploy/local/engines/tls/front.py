"""The process that speaks TLS for Redis and PostgreSQL, supervised like an engine."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.tls.files import LocalTls

#: How PostgreSQL's clients ask for TLS: the length of the message, and a number that stands for no protocol version.
SSL_REQUEST = struct.pack(">ii", 8, 80_877_103)
ROOT = Path(__file__).parents[4]


class TlsFront(Engine):
    """TLS in front of the servers of ``kinds``, on ports of its own; see ``terminator``."""

    name = "tls"

    def __init__(self, context: EngineContext, tls: LocalTls, kinds: tuple[str, ...]) -> None:
        super().__init__(context)
        self._tls = tls
        self._routes = {kind: (context.ports.port(f"{kind}-tls"), context.ports.port(kind)) for kind in kinds}

    @property
    def address(self) -> str:
        """The port of each kind of server."""
        return ",".join(f"{kind}:{port}" for kind, (port, _) in self._routes.items())

    def prepare(self) -> None:
        self._tls.make()

    def launch_spec(self) -> Launch:
        routes = [part for kind, (port, to) in self._routes.items() for part in ("--route", f"{kind}:{port}:{to}")]
        files = ["--cert", str(self._tls.cert), "--key", str(self._tls.key)]
        argv = [sys.executable, "-m", "deploy.local.engines.tls.terminator", *files, *routes]
        return Launch(argv, env={"PYTHONPATH": str(ROOT)})

    def probe(self) -> bool:
        """Every port finishes a handshake; the server behind it is asked by its own engine."""
        return all(self._shakes_hands(kind, port) for kind, (port, _) in self._routes.items())

    def _shakes_hands(self, kind: str, port: int) -> bool:
        with socket.create_connection((LOOPBACK, port), timeout=2) as conn:
            if kind == "postgres":
                conn.sendall(SSL_REQUEST)
                if conn.recv(1) != b"S":
                    return False
            with self._tls.trusting().wrap_socket(conn, server_hostname=LOOPBACK):
                return True
