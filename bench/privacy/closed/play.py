"""Cases of failures on real processes: each door is the product's own process, started with the fault of its case."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bench.lines import BenchError
from bench.privacy.closed.cases import CASES, CONTROLS, POLICY, PROMPTS, TYPED, WORKFLOWS, Case
from connectors.http.clients import blocking_local_client
from deploy.local.engines.ports import LOOPBACK, PortBook
from deploy.local.engines.progress import Progress
from deploy.local.roles import RoleProcess
from deploy.local.system import System
from schemas.run_states import TERMINAL_RUN

RUNS = "/api/v1/workflows/runs"
LAYOUT = {
    "orchestrator": ("orchestrator",),
    "money": ("budgets", "admission", "leases"),
    "sinks": ("audit", "history"),
    "worker": ("worker",),
}
#: A vault at an address where nothing listens.
NOWHERE = f"postgresql://nobody:nothing@{LOOPBACK}:9/vault"
#: Long enough for a machine that others use as well: a door that is slow refuses nothing.
WITHIN_S = 180.0
READY_S = 120.0
_PAUSE_S = 0.2


@dataclass
class Judged:
    """What a door did: ``passed`` lets data pass, ``code`` is how it was refused."""

    case: Case
    passed: bool
    code: str = ""

    @property
    def typed(self) -> bool:
        """Return whether a refusal says by its code what failed."""
        return self.code in TYPED


@dataclass
class Played:
    """All cases, and the same doors without a failure."""

    cases: list[Judged] = field(default_factory=list)
    controls: list[Judged] = field(default_factory=list)


class Stage:
    """A system whose door is replaced for each case."""

    def __init__(self, system: System, model_url: str) -> None:
        self._system, self._model_url = system, model_url
        self._ports = PortBook(system.data_dir / "ports.json", lambda _said: None)

    def prepare(self) -> None:
        """Register prompts and workflows, and activate the policy. Raises ``BenchError``."""
        with self._system.client() as http:
            for path, bodies in (("/api/v1/prompts", PROMPTS), ("/api/v1/workflows", WORKFLOWS)):
                for body in bodies:
                    _accepted(http.post(path, json=body))
            _accepted(http.post("/api/v1/policies", json={"document": POLICY}))
            _accepted(http.post("/api/v1/policies/closed/activate", json={"version": 1, "mode": "enforce"}))

    def judge(self, case: Case) -> Judged:
        """Play a case. Raises ``BenchError`` when the system itself does not work."""
        return self._at_api(case) if case.door == "api" else self._at_worker(case)

    def _at_api(self, case: Case) -> Judged:
        port = self._ports.port("faulty-api")
        process = self._faulty("faulty-api", case, ["api"], {"API_PORT": str(port)})
        with _running(process), self._client(f"http://{LOOPBACK}:{port}") as http:
            _until_ready(http, process)
            answer = http.post(RUNS, json=_body(case))
        if answer.status_code < 400:
            return Judged(case, passed=True)
        said = answer.json()
        return Judged(case, passed=False, code=str(said.get("type", "")).rsplit(":", 1)[-1])

    def _at_worker(self, case: Case) -> Judged:
        self._system.roles["worker"].stop()
        before = self._asked()
        process = self._faulty("worker", case, ["streams", "worker"], {"WORKER_ID": "worker"})
        with self._system.client() as http:
            run = str(_accepted(http.post(RUNS, json=_body(case)))["id"])
            with _running(process):
                found = self._ended(http, run)
        error = found.get("error") or {}
        passed = found["status"] == "succeeded" or self._asked() > before
        return Judged(case, passed=passed, code=str(error.get("code", "")))

    def _faulty(self, name: str, case: Case, argv: list[str], env: dict[str, str]) -> RoleProcess:
        vault = {"VAULT_DSN": NOWHERE} if case.vault else {}
        model = {"LOCAL_PROVIDER_URL": self._model_url}
        process = self._system.process(name, [], self._system.role_env(name) | model | vault | env)
        return replace(process, argv=["-m", "bench.privacy.closed.faulty", case.fault, *argv])

    def _client(self, url: str) -> httpx.Client:
        return blocking_local_client(url, {"Authorization": f"Bearer {self._system.api_key}"}, timeout_s=30)

    def _asked(self) -> int:
        return int(httpx.get(f"{self._model_url}/calls", trust_env=False, timeout=10).json()["total"])

    @staticmethod
    def _ended(http: httpx.Client, run: str) -> dict[str, Any]:
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            answer = http.get(f"{RUNS}/{run}")
            if answer.status_code == 200 and answer.json()["status"] in TERMINAL_RUN:
                return dict(answer.json())
            time.sleep(_PAUSE_S)
        http.post(f"{RUNS}/{run}/cancel", json={})
        return {"status": "waiting", "error": {"code": "waits"}}


def play(folder: Path, say: Progress, cases: Iterable[Case] = CASES) -> Played:
    """Play cases and controls on one system. Raises ``BenchError``."""
    played = Played()
    model = RoleProcess(
        "model", ["-m", "connectors.providers.local.server", "--port", "0", "--echo"], {}, folder / "model.log"
    )
    with _running(model):
        url = f"http://{LOOPBACK}:{model.wait_ready()['port']}"
        with System(folder / "system", durable=False, layout=LAYOUT, env={"LOCAL_PROVIDER_URL": url}) as system:
            stage = Stage(system, url)
            stage.prepare()
            for kind, wanted, into in (("control", CONTROLS, played.controls), ("case", cases, played.cases)):
                for case in wanted:
                    say(f"privacy: {kind} {case.name}")
                    into.append(stage.judge(case))
    return played


def _body(case: Case) -> dict[str, object]:
    return {"workflow_name": f"closed_{case.workflow}", "inputs": {"text": case.text}}


def _accepted(answer: httpx.Response) -> dict[str, object]:
    if answer.status_code >= 400:
        raise BenchError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return dict(answer.json())


def _until_ready(http: httpx.Client, process: RoleProcess) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            # A vault that is down is no reason for an API not to serve what needs none.
            if http.get("/health").status_code == 200:
                return
        except httpx.HTTPError:
            if process.pid is None:
                break
        time.sleep(_PAUSE_S)
    raise BenchError(f"an API with a fault does not serve: {process.log_tail()}")


@contextmanager
def _running(process: RoleProcess) -> Iterator[None]:
    process.launch()
    try:
        yield
    finally:
        process.stop(timeout_s=10)
