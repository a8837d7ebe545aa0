"""Two local systems that are cells of each other, each with engines, roles and an API of its own."""

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines.progress import Progress
from deploy.local.system import System

NAMES = ("east", "west")
SETTLE_S = 6
#: One organisation needs few roles.
LAYOUT = {
    "streams": ("ingress", "orchestrator", "budgets", "admission", "scheduler", "leases", "traces"),
    "sinks": ("audit", "history", "analytics"),
    "worker": ("worker",),
}


@dataclass(frozen=True)
class Cells:
    """Both cells, by name."""

    east: System
    west: System


@contextmanager
def two_cells(folder: Path, progress: Progress) -> Iterator[Cells]:
    """Start both; stop both at the end."""
    ports = dict(zip(NAMES, _free_ports(2), strict=True))
    shared = {name: secrets.token_hex(32) for name in ("KEY_PEPPER", "VAULT_KEY", "AUDIT_KEY")}
    systems = {name: _system(folder, name, ports, shared, progress) for name in NAMES}
    with ExitStack() as stack:
        for system in systems.values():
            stack.enter_context(system)
        yield Cells(systems["east"], systems["west"])


def _system(folder: Path, name: str, ports: dict[str, int], shared: dict[str, str], progress: Progress) -> System:
    home = folder / name
    home.mkdir(parents=True)
    other = next(one for one in NAMES if one != name)
    for cell in NAMES:
        token = folder / f"{cell}.token"
        if not token.exists():
            token.write_text(secrets.token_hex(32), encoding="utf-8")
    cells = {other: {"url": f"http://127.0.0.1:{ports[other]}", "token_file": str(folder / f"{other}.token")}}
    (home / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
    env = {
        **shared,
        "CELL_NAME": name,
        "CELLS_FILE": str(home / "cells.json"),
        "CELL_TOKEN_FILE": str(folder / f"{name}.token"),
        "CELL_SETTLE_S": str(SETTLE_S),
        "LOCAL_LATENCY_MS": "20",
    }
    return System(home, durable=False, layout=LAYOUT, env=env, progress=progress, port=ports[name])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
