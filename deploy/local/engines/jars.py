"""The broker's jars: resolved once by jgo, verified against committed SHA-256s before every start."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.engines.errors import JarMismatchError, JarsError
from deploy.local.engines.progress import Progress, heartbeat, silent

if TYPE_CHECKING:
    from jgo.maven import Artifact

KAFKA = "org.apache.kafka:kafka_2.13:4.1.1"
# The broker logs through slf4j and brings no place to write to; this one writes to standard error.
LOGGER = "org.slf4j:slf4j-simple:1.7.36"
KAFKA_PINS = Path(__file__).parents[1] / "kafka-jars.sha256"


def cache_root() -> Path:
    """The cache of downloads for every checkout of this user: `AGENTFLOW_CACHE`, else the user's cache directory."""
    if configured := os.environ.get("AGENTFLOW_CACHE"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentflow"


def read_pins(path: Path) -> dict[str, str]:
    """`{jar file name: SHA-256 in hex}` from a file in the format of `sha256sum`."""
    pairs = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def ensure_jars(folder: Path, pins: Path = KAFKA_PINS, progress: Progress = silent) -> list[Path]:
    """The pinned jars in `folder`, fetched when missing and verified.

    Blocks: about 0.1 s when they are present, some 15 s when they must be fetched. Raises JarMismatchError when a jar
    differs from its pin (the file is left for inspection), JarsError when it cannot be fetched.
    """
    expected = read_pins(pins)
    if missing(folder, expected):
        with one_at_a_time(folder):
            if missing(folder, expected):
                fetch(folder, expected, progress)
    verify(folder, expected)
    return [folder / name for name in expected]


def missing(folder: Path, expected: dict[str, str]) -> bool:
    """True if a jar is missing."""
    return any(not (folder / name).exists() for name in expected)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait while another process fetches into the same cache."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def sha256(path: Path) -> str:
    """A file's SHA-256 in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verify(folder: Path, expected: dict[str, str]) -> None:
    """Compare every jar with its pin. Raises JarMismatchError naming the first that differs."""
    for name, digest in expected.items():
        actual = sha256(folder / name)
        if actual != digest:
            raise JarMismatchError(
                f"{folder / name} has SHA-256 {actual}, but {KAFKA_PINS.name} pins {digest}. It was not run. "
                "Delete the file and start again to fetch it again; if it differs again, somebody between you and the "
                "repository changed it: do not run it."
            )


def fetch(folder: Path, expected: dict[str, str], progress: Progress) -> None:
    """Resolve the coordinates with jgo and copy the jars into `folder`. Raises JarsError."""
    with heartbeat(progress, "kafka: fetching the broker's jars, once (45 MB)"):
        try:
            found = download(cache_root() / "maven", expected)
        except Exception as error:  # jgo raises requests' errors, RuntimeError and more, undocumented
            raise JarsError(
                f"the broker's jars could not be fetched: {error}. Check the network, or copy a {folder.name} "
                f"directory from another machine to {folder}; then start again."
            ) from error
    if gone := expected.keys() - found.keys():
        raise JarsError(f"{KAFKA} no longer resolves to {sorted(gone)}; {KAFKA_PINS.name} needs an update")
    for stale in folder.glob("startup-*.aot"):
        stale.unlink()  # built from other copies of the jars, which Java would notice and ignore it
    for name in expected:
        partial = folder / f"{name}.{os.getpid()}"
        shutil.copyfile(found[name], partial)
        partial.replace(folder / name)


def download(repository: Path, expected: dict[str, str]) -> dict[str, Path]:
    """Every runtime jar of the broker by file name, downloaded into a local Maven repository. Blocks for seconds."""
    with ThreadPoolExecutor(max_workers=6) as pool:  # the jars are many and small, the round trips dominate
        paths = pool.map(lambda artifact: download_one(artifact, expected), resolve(repository))
        return {path.name: path for path in paths}


def download_one(artifact: Artifact, expected: dict[str, str]) -> Path:
    """One jar; a copy that differs from its pin, as an interrupted download leaves it, is fetched once more."""
    path: Path = artifact.resolve()
    if path.name in expected and sha256(path) != expected[path.name]:
        path.unlink()
        path = artifact.resolve()
    return path


def resolve(repository: Path) -> list[Artifact]:
    """Walk the dependency graph with jgo, honouring the repositories of the user's jgo settings."""
    from dataclasses import replace

    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext
    from jgo.parse import Endpoint

    remotes = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    context = MavenContext(repo_cache=repository, remote_repos=remotes)
    wanted = [
        context.create_dependency(replace(coordinate, scope="compile"))
        for endpoint in (KAFKA, LOGGER)
        for coordinate in Endpoint.parse(endpoint).coordinates
    ]
    direct, transitive = context.resolver.resolve(wanted)
    runtime = [dependency for dependency in transitive if dependency.scope in ("compile", "runtime")]
    return [dependency.artifact for dependency in (*direct, *runtime)]
