"""The lock files of the project: every package once, with the locks that name it."""

from dataclasses import dataclass
from pathlib import Path

from deploy.images.sbom import LOCKS as OF_IMAGES
from deploy.images.sbom import ROOT, LockError, Pinned, read_lock

#: Locks of what runs; the others are for tests, for the bench, and for single machines.
RUN = ("requirements.lock", "requirements-model.lock", "requirements-otlp.lock", "requirements-semantic.lock")
#: Locks of programs that tests and the bench run in environments of their own: their licenses are not ours to meet, and
#: they are not installed where the report is made.
APART = frozenset({"requirements-agentdojo.lock", "requirements-classifier.lock", "requirements-phoenix.lock"})


@dataclass(frozen=True, order=True)
class Locked:
    """A package in a version, by its normal name. ``everywhere``: no lock limits it to other systems than Linux."""

    name: str
    version: str
    locks: tuple[str, ...]
    everywhere: bool

    @property
    def in_images(self) -> bool:
        """Whether the Dockerfile installs it."""
        return any(lock in OF_IMAGES for lock in self.locks)

    @property
    def is_apart(self) -> bool:
        """Whether only programs in environments of their own have it."""
        return set(self.locks) <= APART

    @property
    def runs(self) -> bool:
        """Whether it is part of what operators run, and not of tests alone."""
        return any(lock in RUN for lock in self.locks)


def lock_files(root: Path = ROOT) -> list[Path]:
    """Return every lock file."""
    return sorted(root.glob("requirements*.lock"))


def locked(root: Path = ROOT) -> list[Locked]:
    """Return all packages of all locks. Raises ``LockError`` for a line without a version or without hashes."""
    found: dict[tuple[str, str], list[tuple[str, Pinned]]] = {}
    for path in lock_files(root):
        try:
            packages = read_lock(path.read_text(encoding="utf-8"))
        except LockError as exc:
            raise LockError(f"{path.name}: {exc}") from exc
        for one in packages:
            found.setdefault((one.normal_name, one.version), []).append((path.name, one))
    return sorted(
        Locked(name, version, tuple(sorted({lock for lock, _ in uses})), any(_on_linux(one) for _, one in uses))
        for (name, version), uses in found.items()
    )


def _on_linux(one: Pinned) -> bool:
    elsewhere = ("sys_platform == 'win32'", "sys_platform == 'emscripten'")
    return not any(system in one.marker.replace('"', "'") for system in elsewhere)
