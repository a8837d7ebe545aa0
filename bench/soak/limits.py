"""Limits of memory for processes: those of ``docker-compose.prod.yml``, by the kernel's groups where these can be made.

A process begins inside of its group, so that every page it has counts. Where no group can be made (no root), the
process is only watched.
"""

import contextlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.roles import ROOT, RoleProcess
from deploy.local.system import System
from deploy.manifests.compose import services_of

#: Names of services in the file, by the names of processes here.
SERVICES = {"api": "control-plane", "worker": "worker", "streams": "streams", "sinks": "sinks"}
FILE = "docker-compose.prod.yml"
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
#: Where groups are: the first version's, and the second's.
PLACES = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
_LIMITS = ("memory.limit_in_bytes", "memory.max")
_ENTER = 'echo $$ > "$0" && exec "$@"'
REMOVE_S = 5.0


def limits(root: Path = ROOT) -> dict[str, int]:
    """Return the limit of each process in bytes."""
    services = services_of(root / FILE)
    return {
        name: size(services[service]["deploy"]["resources"]["limits"]["memory"]) for name, service in SERVICES.items()
    }


def size(text: str) -> int:
    """Return a size as compose files have it, in bytes. Raises ``ValueError``."""
    match = re.fullmatch(r"(\d+)([kmg])b?", text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no size such as 512m or 1g")
    return int(match[1]) * _UNITS[match[2]]


class Groups:
    """The groups of one soak; ``made`` says whether there are any."""

    def __init__(self, places: tuple[Path, ...] = PLACES) -> None:
        self._folders: dict[str, Path] = {}
        self._parent = next((found for place in places if (found := _parent(place)) is not None), None)

    @property
    def made(self) -> bool:
        """Whether the kernel holds the limits."""
        return self._parent is not None

    def entry(self, name: str, most: int) -> Path | None:
        """Return the file by which a process enters the group of this name; ``None`` where groups cannot be made."""
        if self._parent is None:
            return None
        folder = self._parent / name
        folder.mkdir(exist_ok=True)
        limit = next(folder / file for file in _LIMITS if (folder / file).exists())
        limit.write_text(str(most))
        self._folders[name] = folder
        return folder / "cgroup.procs"

    def remove(self) -> None:
        """Remove the groups, when their processes have ended."""
        deadline = time.monotonic() + REMOVE_S
        for folder in (*self._folders.values(), *([self._parent] if self._parent else [])):
            while folder.exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)


def _parent(place: Path) -> Path | None:
    """Return a new folder of groups that can limit memory; ``None`` if there is none."""
    parent = place / f"agentflow-soak-{os.getpid()}"
    try:
        parent.mkdir()
        probe = parent / "probe"
        # The second version gives memory to children only when it is told to.
        if (control := parent / "cgroup.subtree_control").exists():
            control.write_text("+memory")
        probe.mkdir()
        able = any((probe / file).exists() for file in _LIMITS)
        probe.rmdir()
    except OSError:
        able = False
    if not able:
        with contextlib.suppress(OSError):
            parent.rmdir()
        return None
    return parent


@dataclass
class LimitedProcess(RoleProcess):
    """A process that begins in a group of memory, and with ``heap`` writes there what its heap consists of."""

    entry: Path | None = None
    heap: Path | None = None

    def command(self) -> list[str]:
        plain = super().command()
        if self.heap is not None:
            python, option, *module = plain
            plain = [python, option, "bench.soak.heaps", str(self.heap), *module]
        return plain if self.entry is None else ["/bin/sh", "-c", _ENTER, str(self.entry), *plain]


#: A heap fills up before it is collected, which is no growth: it is there whole from the start, and its live part is
#: weighed at rest (``bench.soak.stores``).
HEAP_THERE = ("-Xms512m", "-XX:+AlwaysPreTouch")


@dataclass
class LimitedSystem(System):
    """A system whose processes have limits of memory. Their heaps are described in the folder ``heaps``, if given."""

    most: Mapping[str, int] = field(default_factory=limits)
    groups: Groups = field(default_factory=Groups)
    heaps: Path | None = None
    jvm_options: Sequence[str] = HEAP_THERE

    def make_roles(self) -> None:
        super().make_roles()
        self.roles = {name: self._limited(name, role) for name, role in self.roles.items()}

    def _limited(self, name: str, role: RoleProcess) -> RoleProcess:
        entry = self.groups.entry(name, self.most[name])
        heap = None if self.heaps is None else self.heaps / f"{name}.jsonl"
        return LimitedProcess(role.name, role.argv, role.env, role.log_path, entry=entry, heap=heap)

    def stop(self) -> None:
        super().stop()
        self.groups.remove()
