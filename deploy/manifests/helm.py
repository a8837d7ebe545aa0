"""Helm as a program: found on this machine, and what it renders."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.local.engines.jars import cache_root
from deploy.manifests.generated import CHART

RELEASE = NAMESPACE = "agentflow"
_SOURCE = re.compile(r"^# Source: agentflow/templates/(\S+)$", re.MULTILINE)
_TIMEOUT_S = 60


class HelmError(Exception):
    """Helm is not there, or refused; the message is its own."""


def tools_dir() -> Path:
    """Return where `python -m deploy.manifests tools` keeps programs."""
    return cache_root() / "tools"


def find(name: str) -> Path | None:
    """Return a program of this machine: that of the tools' directory, else that of the path; ``None`` without one."""
    own = tools_dir() / name
    if os.access(own, os.X_OK):
        return own
    found = shutil.which(name)
    return Path(found) if found else None


def run(arguments: Sequence[str]) -> str:
    """Run Helm and return what it prints. Raises ``HelmError``."""
    helm = find("helm")
    if helm is None:
        raise HelmError("helm is not installed: run `python -m deploy.manifests tools`, or install Helm 3 or 4")
    done = subprocess.run([str(helm), *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        # It says on the same output which links it follows.
        lines = [line for line in done.stderr.splitlines() if "symbolic link" not in line]
        raise HelmError("\n".join(lines) or f"helm ended with {done.returncode}")
    return done.stdout


def template(values: Sequence[Path] = (), settings: Sequence[str] = (), chart: Path = CHART) -> str:
    """Return the objects of the chart as YAML. ``settings`` are those of ``--set``. Raises ``HelmError``."""
    named = [word for path in values for word in ("--values", str(path))]
    named += [word for setting in settings for word in ("--set", setting)]
    return run(["template", RELEASE, str(chart), "--namespace", NAMESPACE, *named])


def by_template(rendered: str) -> Iterator[tuple[str, str]]:
    """Yield the file name of each template and the text of one object of it, in order."""
    for part in re.split(r"^---\n", rendered, flags=re.MULTILINE):
        match = _SOURCE.search(part)
        body = _SOURCE.sub("", part).strip("\n")
        if match and body:
            yield match[1], body
