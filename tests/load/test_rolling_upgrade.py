"""A rolling upgrade under load: every role from an older version to this one, and back.

Old and new roles of one deployment work side by side all the while. Nothing is lost, nothing is done twice. The
schemas are those of this version from the start: migrations only add, and come before the roles.
"""

import asyncio
import io
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
#: The version before this one, with all of its roles: what a site runs that is upgraded at every release.
BEFORE = "ea27a13b"
EVERY_ROLE = {
    "sinks": ("audit", "history", "analytics", "live", "events", "webhooks", "otlp-export", "live-cost", "bridge"),
    "budgets": ("budgets", "routes", "deployments", "quality", "rollouts"),
    "admission": ("admission",),
    "worker-1": ("worker",),
    "worker-2": ("worker", "leases"),
    "orchestrator-1": ("orchestrator",),
    "orchestrator-2": ("orchestrator",),
    "single": ("scheduler", "batches", "scores", "traces", "retention", "triggers"),
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
        self.upgraded.add(name)
        self._again(name)

    def roll_back(self, name: str) -> None:
        """Stop a process as asked and start the older version in its place."""
        self.upgraded.discard(name)
        self._again(name)

    def _again(self, name: str) -> None:
        assert self.roles[name].stop() == 0
        if name == "api":
            self.roles["api"] = self.process("api", ["-m", "api"], self.role_env("api"))
            self.roles["api"].launch()
            self._wait_for_api()
        else:
            self.roles[name] = self.role(name, self.layout[name])
            self.roles[name].start()


def tree_of(commit: str, folder: Path) -> Path:
    """Return the files of an older version."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    if known.returncode:
        pytest.skip(f"commit {commit} is not in this clone; fetch the whole history (git fetch --unshallow)")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_every_role_is_upgraded_under_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def one_by_one(system: TwoVersions, load: Load) -> None:
        for name in (*LAYOUT, "api"):
            system.upgrade(name)
            _more(load)

    _judged(tmp_path, OLD, LAYOUT, one_by_one, capsys)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_every_role_of_the_version_before_is_upgraded_and_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of a compose file, in which the API is first; back in the reverse order."""

    def there_and_back(system: TwoVersions, load: Load) -> None:
        order = ("api", *EVERY_ROLE)
        for name in order:
            system.upgrade(name)
            _more(load, IN_FLIGHT)
        for name in reversed(order):
            system.roll_back(name)
            _more(load, IN_FLIGHT)

    _judged(tmp_path, BEFORE, EVERY_ROLE, there_and_back, capsys)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_all_roles_are_upgraded_at_once_as_a_chart_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deployments and StatefulSets of a chart roll at the same time, once the hook has migrated."""

    # A process ends with the thread that started it, so these threads live as long as the system.
    pool = ThreadPoolExecutor(len(EVERY_ROLE) + 1)

    def at_once(system: TwoVersions, load: Load) -> None:
        list(pool.map(system.upgrade, ("api", *EVERY_ROLE)))
        # Ten processes start at the same time on two cores, so it takes its time.
        _more(load, deadline_s=4 * DEADLINE_S)

    try:
        _judged(tmp_path, BEFORE, EVERY_ROLE, at_once, capsys)
    finally:
        pool.shutdown()


def _judged(
    tmp_path: Path,
    commit: str,
    layout: Mapping[str, tuple[str, ...]],
    play: Callable[["TwoVersions", Load], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run an older version under load, change versions, and check every promise."""
    old_tree = tree_of(commit, tmp_path / "old")
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
        with TwoVersions(tmp_path, durable=False, layout=layout, env=env, old=old_tree) as system:
            _define(system)
            with Load(system, in_flight=IN_FLIGHT) as load:
                _more(load)
                play(system, load)
            checker = Checker(system.endpoints, PARTITIONS, ORG, set(load.accepted))
            report = asyncio.run(checker.settled(DEADLINE_S))
    finally:
        model.stop()
    with capsys.disabled():
        print(f"\nrolling upgrade from {commit}: {report}")  # noqa: T201 - the figures belong in the test's output
    assert report.problems == []
    assert (report.lost, report.doubled) == (set(), set())
    assert report.by_status == {"succeeded": len(load.accepted)}
    assert report.money_difference_nano == 0


def _define(system: System) -> None:
    with system.client() as client:
        client.post("/api/v1/prompts", json=PROMPT).raise_for_status()
        client.post("/api/v1/workflows", json=WORKFLOW).raise_for_status()


def _more(load: Load, count: int = BETWEEN, deadline_s: float = DEADLINE_S) -> None:
    """Wait until so many more runs are accepted."""
    goal = len(load.accepted) + count
    until(lambda: len(load.accepted) >= goal, deadline_s, f"{count} more runs are accepted")
