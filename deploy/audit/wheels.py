"""Packages of the images that have no wheel for another architecture, as the index of packages says by uv."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.images.prune import UNREACHED
from deploy.images.sbom import LOCKS, ROOT, Pinned, read_lock

#: Debian bookworm's C library, as in the images.
PLATFORM, PYTHON = "aarch64-manylinux_2_36", "3.11"
#: Packages without a wheel for arm64, and why they may be: their source is built with the images.
FROM_SOURCE = {
    "faust-streaming": "its extensions in C are optional: without a compiler it is built in Python alone",
}
_WITHOUT = re.compile(r"(?:Because|and) ([A-Za-z0-9._-]+)==\S+ has no usable wheels")
TIMEOUT_S = 300


class NoIndex(Exception):
    """The index of packages does not answer, so nothing is known."""


def lines(root: Path = ROOT) -> list[Pinned]:
    """Return the lines of the images' locks, without what the build takes out again."""
    found = {one.purl: one for lock in LOCKS for one in read_lock((root / lock).read_text(encoding="utf-8"))}
    return [one for one in found.values() if one.normal_name not in UNREACHED]


def without_wheel(packages: Sequence[Pinned], platform: str = PLATFORM) -> list[str]:
    """Return the packages for which there is no wheel that fits the lock's hashes. Raises ``NoIndex``."""
    missing: list[str] = []
    while True:
        said = _tried([one for one in packages if one.normal_name not in missing], platform)
        if said is None:
            return sorted(missing)
        more = sorted({found.lower().replace("_", "-").replace(".", "-") for found in _WITHOUT.findall(said)})
        if not more:
            raise NoIndex(said.strip()[-500:])
        missing += more


def _tried(packages: Sequence[Pinned], platform: str) -> str | None:
    """Return what uv says when it finds no wheels; ``None`` when there are all."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text("\n".join(map(_line, packages)) + "\n", encoding="utf-8")
        command = [
            sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", "--python-platform", platform, "--python-version", PYTHON,
            "--target", f"{folder}/target", "-r", str(lock),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NoIndex(f"uv did not end within {TIMEOUT_S} s") from None
    return None if done.returncode == 0 else done.stderr.replace("\n", " ")


def _line(one: Pinned) -> str:
    marker = f" ; {one.marker}" if one.marker else ""
    return f"{one.name}=={one.version}{marker} " + " ".join(f"--hash=sha256:{digest}" for digest in one.hashes)
