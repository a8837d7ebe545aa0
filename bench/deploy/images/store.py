"""Images that buildah builds into a folder of their own, as root, without a daemon and without a registry.

The base is a Debian of the same release as the published one, which ``mmdebstrap`` makes once and keeps in the cache
of downloads: registries of images are out of reach for machines that build from package mirrors alone.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.lines import BenchError, NotThere
from deploy.local.engines.jars import cache_root
from deploy.local.roles import ROOT

#: Of the configuration: the last container, the image before the last line, and a copy of ``config`` with a host name.
_BUILDERS = frozenset({"container", "container_config", "parent"})

#: That of the image that the Dockerfile names, and what it has that a minimal Debian has not.
RELEASE, INCLUDED = "bookworm", "ca-certificates,python3,python3-venv"
BASE = "localhost/agentflow-base"
DOCKERFILE = "deploy/images/Dockerfile"
TARGETS = ("control-plane", "worker")
#: The build downloads some 200 MB of wheels.
BUILD_S = 1_500
CERTIFICATES = Path("/etc/ssl/certs")
TAIL = 3_000


def identity_of(configuration: Mapping[str, Any]) -> str:
    """Return a hash of an image's configuration, which names all its layers by their hashes."""
    kept = {name: value for name, value in configuration.items() if name not in _BUILDERS}
    kept["config"] = {name: value for name, value in configuration["config"].items() if name != "Hostname"}
    kept["history"] = [_line(one) for one in configuration["history"]]
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the history without the image that it began with."""
    begins = str(line.get("comment", "")).startswith("FROM ")
    return {name: value for name, value in line.items() if not (name == "comment" and begins)}


@dataclass(frozen=True)
class Store:
    """A folder of images and layers; ``opened`` makes one and deletes it."""

    folder: Path

    def run(self, *arguments: str, timeout_s: float = 300) -> str:
        """Run buildah in the checkout; return its output. Raises ``BenchError`` with the end of what it said."""
        places = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        command = ["buildah", *places, "--storage-driver", _driver(self.folder), *arguments]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"buildah {arguments[0]} did not end within {timeout_s:.0f} s") from None
        if done.returncode:
            raise BenchError(f"buildah {arguments[0]} failed: {(done.stdout + done.stderr)[-TAIL:]}")
        return done.stdout.strip()

    def add_base(self, archive: Path) -> None:
        """Make the base image of an archive of its root."""
        container = self.run("from", "scratch")
        self.run("add", container, str(archive), "/")
        self.run("commit", "--timestamp", "0", "--rm", container, BASE)

    def build(self, target: str, tag: str) -> str:
        """Build a target of the Dockerfile, layer by layer; return what it is, see ``identity_of``.

        Layers that this store has already are used; times in layers are 1970's, as a registry's build has them.
        """
        certificates = ("-v", f"{CERTIFICATES}:{CERTIFICATES}:ro") if CERTIFICATES.is_dir() else ()
        # The form of OCI has no health check.
        form = ("--format", "docker", "--layers", "--timestamp", "0")
        options = ("--isolation", "chroot", "--network", "host", *form, *certificates)
        named = ("--build-arg", f"BASE={BASE}", "-f", DOCKERFILE, "--target", target, "-t", f"localhost/{tag}")
        self.run("bud", *options, *named, ".", timeout_s=BUILD_S)
        return identity_of(orjson.loads(self.inspected(f"localhost/{tag}")["Config"]))

    def inspected(self, image: str) -> dict[str, Any]:
        """Return what buildah knows of an image."""
        found: dict[str, Any] = orjson.loads(self.run("inspect", "--type", "image", image))
        return found

    @contextlib.contextmanager
    def root_of(self, image: str) -> Iterator[Path]:
        """Return the root of an image as a folder."""
        container = self.run("from", "--pull-never", image)
        try:
            yield Path(self.run("mount", container))
        finally:
            self.run("rm", container)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Return an empty store with the base in it. Raises ``NotThere`` where images cannot be built."""
    require_tools()
    archive = base_archive()
    folder.mkdir(parents=True)
    store = Store(folder)
    try:
        store.add_base(archive)
        yield store
    finally:
        with contextlib.suppress(BenchError):
            store.run("umount", "--all")
        shutil.rmtree(folder, ignore_errors=True)


def require_tools() -> None:
    """Raise ``NotThere`` where images cannot be built, with what is missing."""
    missing = [name for name in ("buildah", "mmdebstrap", "unshare", "setpriv") if shutil.which(name) is None]
    if missing:
        raise NotThere(f"images are not built: install {', '.join(missing)} (Debian: buildah crun mmdebstrap)")
    if os.geteuid() != 0:
        raise NotThere("images are not built: chroot isolation and mounts need root")


def base_archive() -> Path:
    """Return the archive of the base's root, made once. Raises ``NotThere`` when Debian's mirror is not there."""
    path = cache_root() / "images" / f"{RELEASE}.tar"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.tar")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}", RELEASE, str(part)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        raise NotThere("images are not built: the mirror of Debian does not answer") from None
    if done.returncode:
        part.unlink(missing_ok=True)
        raise NotThere(f"images are not built: no base could be made: {done.stderr.strip()[-300:]}")
    part.replace(path)
    return path


def _driver(folder: Path) -> str:
    """Return how layers are stored: on top of each other where the folder's file system can, else as copies."""
    kept = folder / "driver"
    if not kept.exists():
        kept.write_text("overlay" if _overlays(folder) else "vfs", encoding="utf-8")
    return kept.read_text(encoding="utf-8")


def _overlays(folder: Path) -> bool:
    parts = [folder / "try" / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir(parents=True)
    lower, upper, work, merged = map(str, parts)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mounting: Sequence[str] = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, merged]
    done = subprocess.run(mounting, capture_output=True, check=False)
    shutil.rmtree(folder / "try", ignore_errors=True)
    return done.returncode == 0
