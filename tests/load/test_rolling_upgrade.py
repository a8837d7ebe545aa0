"""A rolling upgrade under load: every role from an older version to this one, one process after the other.

Old and new roles of one deployment work side by side all the while. Nothing is lost, nothing is done twice.
"""

import asyncio
import io
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.roles import ROOT, RoleProcess
from deploy.local.system import ORG, PARTITIONS, System
from tests.support.checker import Checker
from tests.support.crashes import HOLD_TTL_MS, LEASE_MS, PROMPT, SESSION_MS, WORKFLOW, Load, model_process
from tests.support.polling import until

#: The first version with decision rules 1, tagged timers and labels. Older records differ in names.
OLD = "4db4339"
#: Readers before writers: what only reads, then workers, then who asks them, then who submits.
LAYOUT = {
    "sinks": ("history", "analytics"),
    "budgets": ("budgets",),
    "worker-1": ("worker",),
    "worker-2": ("worker",),
    "orchestrator-1": ("orchestrator",),
    "orchestrator-2": ("orchestrator",),
    "ingress": ("ingress",),
}
IN_FLIGHT = 40
#: So many runs are accepted after each step before the next one. No more are in flight, so others ended for them.
BETWEEN = 2 * IN_FLIGHT
DEADLINE_S = 60


@dataclass
class TwoVersions(System):
    """A system whose processes are of an older version until they are upgraded."""

    old: Path = field(default_factory=Path)
    upgraded: set[str] = field(default_factory=set)

    def process(self, name: str, argv: Sequence[str], env: dict[str, str]) -> RoleProcess:  # type: ignore[override]
        """Return a process of the version that ``name`` has now."""
        made = super().process(name, argv, env)
        made.root = ROOT if name in self.upgraded else self.old
        return made

    def upgrade(self, name: str) -> None:
        """Stop a process as asked and start the new version in its place."""
        assert self.roles[name].stop() == 0
        self.upgraded.add(name)
        if name == "api":
            self.roles["api"] = self.process("api", ["-m", "api"], self.role_env("api"))
            self.roles["api"].launch()
            self._wait_for_api()
        else:
            self.roles[name] = self.role(name, self.layout[name])
            self.roles[name].start()


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's files."""
    known = subprocess.run(["git", "cat-file", "-e", f"{OLD}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"commit {OLD} is not in this clone; fetch the whole history (git fetch --unshallow)")
    archive = subprocess.run(["git", "archive", OLD], cwd=ROOT, capture_output=True, check=True).stdout
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_every_role_is_upgraded_under_load(tmp_path: Path, old_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = model_process(tmp_path, 20)
    model.start()
    env = {
        "LOCAL_PROVIDER_URL": f"http://127.0.0.1:{model.ready['port']}",
        "CLAIM_LEASE_MS": str(LEASE_MS),
        "HOLD_TTL_MS": str(HOLD_TTL_MS),
        "SESSION_TIMEOUT_MS": str(SESSION_MS),
        "WORKER_DRAIN_S": "5",
    }
    try:
        with TwoVersions(tmp_path, durable=False, layout=LAYOUT, env=env, old=old_tree) as system:
            _define(system)
            with Load(system, in_flight=IN_FLIGHT) as load:
                _more(load)
                for name in (*LAYOUT, "api"):
                    system.upgrade(name)
                    _more(load)
            checker = Checker(system.endpoints, PARTITIONS, ORG, set(load.accepted))
            report = asyncio.run(checker.settled(DEADLINE_S))
    finally:
        model.stop()
    with capsys.disabled():
        print(f"\nrolling upgrade from {OLD}: {report}")  # noqa: T201 - the figures belong in the test's output
    assert report.problems == []
    assert (report.lost, report.doubled) == (set(), set())
    assert report.by_status == {"succeeded": len(load.accepted)}
    assert report.money_difference_nano == 0


def _define(system: System) -> None:
    with system.client() as client:
        client.post("/api/v1/prompts", json=PROMPT).raise_for_status()
        client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()


def _more(load: Load) -> None:
    """Wait until the load has gone on."""
    goal = len(load.accepted) + BETWEEN
    until(lambda: len(load.accepted) >= goal, DEADLINE_S, f"{BETWEEN} more runs are accepted")
