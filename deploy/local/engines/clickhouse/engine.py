"""ClickHouse: the `chdb` wheel's engine in a process of its own that speaks ClickHouse's HTTP protocol."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from urllib.parse import urlencode

from deploy.local.engines.clickhouse.wire import SECRET_VARIABLE, USER
from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.ports import LOOPBACK
from schemas.configuration.engines import CLICKHOUSE_FILES

ROOT = Path(__file__).parents[4]


class ClickHouseEngine(Engine):
    """One process owns the data folder, as chdb requires; everybody else talks HTTP to it."""

    name = "clickhouse"

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port("clickhouse")

    @property
    def address(self) -> str:
        where, tls = f"{USER}:{self.context.secret}@{LOOPBACK}:{self._port}", self.context.tls
        if tls is None:
            return f"http://{where}"
        return f"https://{where}?{urlencode({CLICKHOUSE_FILES['ca']: tls.ca}, safe='/')}"

    def prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self.context.tls is not None:
            self.context.tls.make()

    def launch_spec(self) -> Launch:
        module = "deploy.local.engines.clickhouse.server"
        argv = [sys.executable, "-m", module, "--path", str(self.home / "data"), "--port", str(self._port)]
        if (tls := self.context.tls) is not None:
            argv += ["--cert", str(tls.cert), "--key", str(tls.key)]
        return Launch(argv, env={SECRET_VARIABLE: self.context.secret, "PYTHONPATH": str(ROOT)})

    def probe(self) -> bool:
        conn = self._connection()
        try:
            conn.request("GET", "/ping")
            return conn.getresponse().status == http.client.OK
        finally:
            conn.close()

    def _connection(self) -> http.client.HTTPConnection:
        tls = self.context.tls
        if tls is None:
            return http.client.HTTPConnection(LOOPBACK, self._port, timeout=2)
        return http.client.HTTPSConnection(LOOPBACK, self._port, timeout=2, context=tls.trusting())
