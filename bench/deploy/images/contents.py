"""What is in a root: each file with its hash and its rights, and which files two roots do not share."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Written for each container that buildah mounts.
OF_THE_MOUNT = frozenset({"etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv"})


@dataclass(frozen=True)
class Entry:
    """A file, a link or a folder. ``content`` is a hash of its bytes or of where it points; ``size`` is in bytes."""

    mode: int
    owner: tuple[int, int]
    content: str
    size: int


def contents(root: Path) -> dict[str, Entry]:
    """Return everything below a root, by its path."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            if relative not in OF_THE_MOUNT:
                found[relative] = _entry(path)
    return found


def _entry(path: Path) -> Entry:
    about = path.lstat()
    content, size = "", 0
    if stat.S_ISLNK(about.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(about.st_mode):
        content, size = hashlib.sha256(path.read_bytes()).hexdigest(), about.st_size
    return Entry(about.st_mode, (about.st_uid, about.st_gid), content, size)


def differences(one: Mapping[str, Entry], other: Mapping[str, Entry]) -> list[str]:
    """Return the paths that are not the same in both."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def megabytes_over(image: Mapping[str, Entry], base: Mapping[str, Entry]) -> float:
    """Return the size of what an image adds to its base or changes, in MB (10^6 bytes)."""
    return sum(entry.size for path, entry in image.items() if base.get(path) != entry) / 1e6
