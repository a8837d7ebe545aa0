"""A process of roles as its supervisor sees it: exit code, last line, ``/ready`` and ``/health``."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from deploy.local.engines.engine import Engine
from deploy.local.roles import RoleProcess
from tests.support.polling import until

DEADLINE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """One answer of ``/ready`` or ``/health``."""

    status: int
    body: dict[str, Any]

    @property
    def reasons(self) -> str:
        """The reasons as one text."""
        return "; ".join(self.body["reasons"])


def ask(port: int, page: str) -> Answer:
    """Ask a process on the port of its metrics."""
    with httpx.Client(trust_env=False, timeout=10) as client:
        answer = client.get(f"http://127.0.0.1:{port}/{page}")
    return Answer(answer.status_code, answer.json())


def ready(role: RoleProcess) -> Answer:
    """Ask a process whether it is ready."""
    port = role.ready["metrics_port"]
    assert isinstance(port, int)
    return ask(port, "ready")


def until_ready(role: RoleProcess, deadline_s: float = DEADLINE_S) -> Answer:
    """Wait until a process says that it is ready."""
    return until(lambda: answer if (answer := ready(role)).status == 200 else None, deadline_s, f"{role.name} is ready")


def until_not_ready(role: RoleProcess, why: str, deadline_s: float = DEADLINE_S) -> Answer:
    """Wait until a process says that it is not ready for a reason that holds ``why``."""

    def look() -> Answer | None:
        answer = ready(role)
        return answer if answer.status == 503 and why in answer.reasons else None

    return until(look, deadline_s, f"{role.name} is not ready because of {why}")


def partitions_of(role: RoleProcess) -> int:
    """Return how many partitions a process has and works on."""
    found = [at for view in ready(role).body["roles"].values() for at in _working(view["partitions"])]
    return len(found)


def _working(partitions: dict[str, dict[str, Any]]) -> list[str]:
    return [at for at, one in partitions.items() if one["status"] == "ready" and not at.startswith("timers/")]


def until_ended(role: RoleProcess, deadline_s: float = DEADLINE_S) -> tuple[int, str]:
    """Wait until a process has ended by itself; return its exit code and the last line of its log."""
    until(lambda: role.pid is None, deadline_s, f"{role.name} ends")
    assert role.process is not None
    return role.process.returncode, role.log_tail().splitlines()[-1]


@contextmanager
def suspended(engine: Engine) -> Iterator[None]:
    """Stop an engine with all its children, as a machine that hangs does: its connections stay open."""
    pid = engine.pid
    assert pid is not None
    root = psutil.Process(pid)
    tree = [root, *root.children(recursive=True)]
    for process in tree:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in tree:
            process.send_signal(signal.SIGCONT)
