"""Copies of the checkout to mutate in, and the hashes that say whether a result is still good."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".lua", ".json", ".toml", ".sql", ".yaml", ".yml")
#: What decides no test of those that are picked.
APART = ("docs/", "tests/chaos/", "tests/integration/", "tests/load/", "tests/mutation/", "tests/unit/mutation/")


def listed(root: Path = ROOT) -> list[str]:
    """Return the checkout's files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return sorted(name for name in done.stdout.split("\0") if name and (root / name).is_file())


def copy_to(target: Path, root: Path = ROOT) -> None:
    """Make ``target`` a copy of the checkout. Files that are the same stay, with the byte code beside them."""
    names = listed(root)
    for name in names:
        source, copied = root / name, target / name
        if not (copied.is_file() and copied.read_bytes() == source.read_bytes()):
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied)
    _remove_others(target, set(names))


def _remove_others(target: Path, names: set[str]) -> None:
    for path in target.rglob("*"):
        relative = path.relative_to(target).as_posix()
        if path.is_file() and relative not in names and path.suffix in SUFFIXES:
            path.unlink()


def digest(root: Path, names: Iterable[str]) -> str:
    """Return one hash of the files' names and contents."""
    total = hashlib.sha256()
    for name in sorted(names):
        path = root / name
        total.update(f"{name}\0".encode() + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return total.hexdigest()[:16]


def digest_of_all(root: Path = ROOT) -> str:
    """Return the hash of every source and test that can change a result."""
    return digest(root, (n for n in listed(root) if n.endswith(SUFFIXES) and not n.startswith(APART)))
