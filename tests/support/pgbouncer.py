"""A real PgBouncer in front of a system's PostgreSQL: ``apt-get install pgbouncer`` brings it.

It pools transactions: statement after statement of one client may run in another session of the server.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.engines.endpoints import Endpoints
from deploy.local.engines.ports import LOOPBACK
from deploy.local.system import System
from tests.support.polling import until
from tests.support.server import free_port

READY_S = 20.0
#: Fewer than the processes have connections, so clients take turns in the sessions of the server.
SESSIONS = 4
#: It refuses to run as root.
NOBODY = "nobody"


def program() -> str | None:
    """Return the path of PgBouncer; ``None`` where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


def missing() -> str:
    """Return why it cannot be started, with the fix; empty where it is there."""
    return "" if program() else "PGBOUNCER IS NOT TESTED HERE: apt-get install pgbouncer"


class PgBouncer:
    """A server in front of the PostgreSQL at ``dsn``, on a free port.

    Its files are not below the folder of a test, which only the user of the tests may enter.
    """

    def __init__(self, dsn: str) -> None:
        self.port = free_port()
        self._server = urlsplit(dsn)
        self._home = Path(tempfile.mkdtemp(prefix="agentflow-pgbouncer-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The address for clients."""
        server = self._server
        return server._replace(netloc=f"{server.username}:{server.password}@{LOOPBACK}:{self.port}").geturl()

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._home / "pgbouncer.log"

    def start(self) -> None:
        """Start it; return when it takes connections."""
        users, settings = self._home / "users.txt", self._home / "pgbouncer.ini"
        users.write_text(f'"{self._server.username}" "{self._server.password}"\n')
        settings.write_text(
            f"[databases]\n* = host={self._server.hostname} port={self._server.port}\n"
            f"[pgbouncer]\nlisten_addr = {LOOPBACK}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {users}\npool_mode = transaction\n"
            f"default_pool_size = {SESSIONS}\nmax_client_conn = 500\nlogfile = {self.log}\n"
        )
        argv = [str(program()), str(settings)]
        if os.getuid() == 0:
            argv += ["-u", NOBODY]
            for path in (self._home, users, settings):
                shutil.chown(path, NOBODY)
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, READY_S, "PgBouncer takes connections")

    def stop(self) -> None:
        """Stop it; safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text() if self.log.exists() else "it ended at once"
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
            return True
        return False


class PooledSystem(System):
    """The whole system with PgBouncer between every process and PostgreSQL."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.env = {**self.env, "DB_PREPARED_STATEMENTS": "false"}
        self.pooler: PgBouncer | None = None

    def prepare(self) -> None:
        """Migrate against the server itself, whose advisory lock is of a session; then start the pooler."""
        super().prepare()
        self.pooler = PgBouncer(self.endpoints.postgres_dsn)
        self.pooler.start()

    def endpoints_of(self, name: str) -> Endpoints:
        """Return the addresses with the pooler's in place of the server's."""
        assert self.pooler is not None
        return replace(self.endpoints, postgres_dsn=self.pooler.dsn)

    def stop(self) -> None:
        """Stop the processes, then the pooler."""
        super().stop()
        if self.pooler is not None:
            self.pooler.stop()
