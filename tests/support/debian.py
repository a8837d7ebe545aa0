"""Debian's own servers with mutual TLS: PostgreSQL, Redis and NATS; with them Kafka, which wants certificates, too.

``apt-get install postgresql redis-server nats-server`` brings the servers. Debian's ClickHouse (18.16) is older than
the oldest that is supported, so the embedded one stays. Each server wants a certificate of every client.
"""

import shutil
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.kafka import KafkaEngine
from deploy.local.engines.nats import NatsEngine
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.postgres import DATABASE, SUPERUSER, PostgresEngine
from deploy.local.engines.redis import RedisEngine
from deploy.local.engines.stack import EngineStack
from deploy.local.engines.tls.files import LocalTls
from deploy.local.engines.tls.front import SSL_REQUEST
from deploy.local.system import System
from schemas.configuration.engines import NATS_FILES, POSTGRES_FILES, REDIS_FILES
from schemas.configuration.kafka_access import KafkaAccess
from schemas.configuration.tls_files import TlsFiles

CLIENT = "client"
PACKAGES = "postgresql redis-server nats-server"
_POSTGRES = "/usr/lib/postgresql"
_PLACES = {"redis": "/usr/bin/redis-server", "nats": "/usr/sbin/nats-server"}


def postgres_folder() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs; ``None`` without one."""
    found = sorted(Path(_POSTGRES).glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def missing() -> str:
    """Return why these servers cannot be started, with the fix; empty where all are there."""
    there = {name: Path(path).exists() for name, path in _PLACES.items()} | {"postgres": postgres_folder() is not None}
    lacking = [name for name, is_there in there.items() if not is_there]
    return f"no server of Debian for {', '.join(lacking)}: apt-get install {PACKAGES}" if lacking else ""


def files(tls: LocalTls, *, with_cert: bool = True) -> TlsFiles:
    """Return a client's files."""
    both = str(tls.both_of(CLIENT))
    return TlsFiles(str(tls.ca), both, both) if with_cert else TlsFiles(str(tls.ca))


def _context(tls: LocalTls) -> ssl.SSLContext:
    context = tls.trusting()
    context.load_cert_chain(tls.both_of(CLIENT))
    return context


def _needed(context: EngineContext) -> LocalTls:
    assert context.tls is not None
    return context.tls


class DebianRedis(RedisEngine):
    """Redis that speaks TLS alone."""

    @property
    def address(self) -> str:
        query = urlencode(files(_needed(self.context)).as_query(REDIS_FILES), safe="/")
        return f"rediss://:{self.context.secret}@{LOOPBACK}:{self._port}/0?{query}"

    def launch_spec(self) -> Launch:
        return Launch([_PLACES["redis"], str(self._config)])

    def probe(self) -> bool:
        with (
            socket.create_connection((LOOPBACK, self._port), timeout=2) as plain,
            _context(_needed(self.context)).wrap_socket(plain, server_hostname=LOOPBACK) as conn,
        ):
            conn.sendall(f"AUTH {self.context.secret}\r\nPING\r\n".encode())
            return conn.makefile("rb").read(12) == b"+OK\r\n+PONG\r\n"

    def _settings(self) -> dict[str, str]:
        tls = _needed(self.context)
        return super()._settings() | {
            "port": "0",
            "tls-port": str(self._port),
            "tls-cert-file": str(tls.cert),
            "tls-key-file": str(tls.key),
            "tls-ca-cert-file": str(tls.ca),
            "tls-auth-clients": "yes",
        }


class DebianPostgres(PostgresEngine):
    """PostgreSQL that wants a certificate besides the password."""

    @property
    def address(self) -> str:
        query = urlencode({"sslmode": "verify-full"} | files(_needed(self.context)).as_query(POSTGRES_FILES), safe="/")
        return f"postgresql://{SUPERUSER}:{self.context.secret}@{LOOPBACK}:{self._port}/{DATABASE}?{query}"

    def program(self, name: str) -> Path:
        folder = postgres_folder()
        assert folder is not None
        return folder / name

    def prepare(self) -> None:
        super().prepare()
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"hostssl all all {LOOPBACK}/32 scram-sha-256 clientcert=verify-ca\n")
        tls = _needed(self.context)
        for source in (tls.ca, tls.cert, tls.key):  # of the user that the server runs as
            shutil.copyfile(source, self.home / source.name)
            (self.home / source.name).chmod(0o600)
            self._own(self.home / source.name)

    def launch_spec(self) -> Launch:
        tls, spec = _needed(self.context), super().launch_spec()
        own = {"ssl": "on", "ssl_ca_file": tls.ca.name, "ssl_cert_file": tls.cert.name, "ssl_key_file": tls.key.name}
        values = {key: value if key == "ssl" else str(self.home / value) for key, value in own.items()}
        return replace(spec, argv=[*spec.argv, *(part for k, v in values.items() for part in ("-c", f"{k}={v}"))])

    def probe(self) -> bool:
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as plain:
            plain.sendall(SSL_REQUEST)
            if plain.recv(1) != b"S":
                return False
            with _context(_needed(self.context)).wrap_socket(plain, server_hostname=LOOPBACK) as conn:
                conn.sendall(self.start_packet())
                return conn.recv(1) == b"R"


class DebianNats(NatsEngine):
    """NATS that verifies its clients."""

    @property
    def address(self) -> str:
        query = urlencode(files(_needed(self.context)).as_query(NATS_FILES), safe="/")
        return f"{super().address.partition('?')[0]}?{query}"

    def launch_spec(self) -> Launch:
        return Launch([_PLACES["nats"], "--config", str(self._config)])

    def probe(self) -> bool:
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as conn:
            return conn.recv(5) == b"INFO "

    def _settings(self) -> dict[str, object]:
        tls = _needed(self.context)
        mutual = {"cert_file": str(tls.cert), "key_file": str(tls.key), "ca_file": str(tls.ca), "verify": True}
        return super()._settings() | {"tls": mutual}


class MutualKafka(KafkaEngine):
    """The embedded broker, which wants certificates besides the login."""

    def _access(self) -> KafkaAccess:
        return replace(super()._access(), files=files(_needed(self.context)))

    def _write_config(self) -> None:
        super()._write_config()
        with self._config.open("a") as config:
            config.write("listener.name.clients.ssl.client.auth=required\n")  # without the prefix it is ignored

    def client_context(self, tls: LocalTls) -> ssl.SSLContext:
        return _context(tls)


SERVERS: dict[str, Callable[[EngineContext], Engine]] = {
    "kafka": MutualKafka,
    "redis": DebianRedis,
    "postgres": DebianPostgres,
    "nats": DebianNats,
}


class DebianStack(EngineStack):
    """Debian's servers, and those of ours that it has none for. Nothing is in front of any."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, durable=False, tls=True)
        assert self._tls is not None
        self._tls = replace(self._tls, several=(CLIENT,))

    def open(self) -> None:
        """Take the data directory and choose the ports; starts nothing."""
        super().open()
        self._engines.pop("tls")
        for name, make in SERVERS.items():
            self._engines[name] = make(self._engines[name].context)  # type: ignore[index] # names of engines


class DebianSystem(System):
    """The whole system on Debian's servers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stack = DebianStack(self.data_dir)
