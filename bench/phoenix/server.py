"""The server of Arize Phoenix, without a network: it takes OTLP over HTTP, and gives spans back by its own API."""

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench.environments import Environment
from bench.lines import BenchError
from bench.results import ROOT
from deploy.local.engines.ports import LOOPBACK, PortBook

PHOENIX = Environment(
    name="Arize Phoenix", folder=ROOT / ".venv-phoenix", lock=ROOT / "requirements-phoenix.lock", install_s=900.0
)
#: It imports for half a minute, and migrates its database, on a machine that does nothing else.
START_S = 300.0
STOP_S = 20.0
_PAGE = 500

Span = dict[str, Any]


class Phoenix:
    """Serves from ``__enter__`` to ``__exit__``, with its data in a directory. It must be installed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()
        ports = PortBook(home / "ports.json")
        self._port, self._grpc = ports.port("http"), ports.port("grpc")
        self.endpoint = f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> "Phoenix":
        with self._stack as stack:
            log = stack.enter_context((self._home / "phoenix.log").open("wb"))
            command = [str(PHOENIX.python), "-m", "phoenix.server.main", "serve"]
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=self._environment())
            stack.callback(_end, process)
            self._client = stack.enter_context(httpx.Client(base_url=self.endpoint, timeout=30))
            self._wait(process)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def spans(self, project: str) -> list[Span]:
        """Return all spans of a project; none of one that is not there yet. Raises ``BenchError``."""
        found: list[Span] = []
        cursor: str | None = None
        while True:
            given: dict[str, Any] = {"limit": _PAGE} | ({} if cursor is None else {"cursor": cursor})
            answer = self._client.get(f"/v1/projects/{project}/spans", params=given)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return []
            if answer.status_code != httpx.codes.OK:
                raise BenchError(f"Phoenix answers {answer.status_code}: {answer.text[:300]}")
            page = answer.json()
            found += page["data"]
            cursor = page.get("next_cursor")
            if not cursor:
                return found

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "PHOENIX_WORKING_DIR": str(self._home),
            "PHOENIX_HOST": LOOPBACK,
            "PHOENIX_PORT": str(self._port),
            "PHOENIX_GRPC_PORT": str(self._grpc),
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            "PYTHONPATH": "",
        }

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and process.poll() is None:
            try:
                if self._client.get("/healthz").status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                time.sleep(0.5)
        log = (self._home / "phoenix.log").read_text("utf-8", "replace")[-500:]
        raise BenchError(f"Phoenix does not answer within {START_S:.0f} s: {log}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
