"""ClickHouse: the `chdb` wheel's engine in a process of its own that speaks ClickHouse's HTTP protocol."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path

from deploy.local.engines.clickhouse_wire import SECRET_VARIABLE, USER
from deploy.local.engines.engine import Engine, EngineContext, Launch
from deploy.local.engines.ports import LOOPBACK

ROOT = Path(__file__).parents[3]


class ClickHouseEngine(Engine):
    """One process owns the data folder, as chdb requires; everybody else talks HTTP to it."""

    name = "clickhouse"

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._port = context.ports.port("clickhouse")

    @property
    def address(self) -> str:
        return f"http://{USER}:{self.context.secret}@{LOOPBACK}:{self._port}"

    def prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    def launch_spec(self) -> Launch:
        module = "deploy.local.engines.clickhouse_server"
        argv = [sys.executable, "-m", module, "--path", str(self.home / "data"), "--port", str(self._port)]
        return Launch(argv, env={SECRET_VARIABLE: self.context.secret, "PYTHONPATH": str(ROOT)})

    def probe(self) -> bool:
        conn = http.client.HTTPConnection(LOOPBACK, self._port, timeout=2)
        try:
            conn.request("GET", "/ping")
            return conn.getresponse().status == http.client.OK
        finally:
            conn.close()
