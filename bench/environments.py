"""Packages that are compared with, in environments of their own beside the checkout, installed once per lock.

They need packages that this project does not, and other versions of those that it has. Dependencies are not followed:
the lock names all that is needed.
"""

import subprocess
import venv
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bench.lines import NotThere

_TAIL = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A package's environment: what it is called, its folder, its lock, and how many seconds an install may take."""

    name: str
    folder: Path
    lock: Path
    install_s: float = 300.0

    @property
    def python(self) -> Path:
        """The environment's Python, whether it is there or not."""
        return self.folder / "bin" / "python"

    @property
    def is_installed(self) -> bool:
        """Whether all that the lock names is installed."""
        stamp = self.folder / "installed"
        return self.python.exists() and stamp.exists() and stamp.read_text("ascii") == self._wanted()

    def install(self) -> Path:
        """Return the Python that has the package; install it where it is missing. Raises ``NotThere``."""
        if self.is_installed:
            return self.python
        try:
            venv.create(self.folder, with_pip=True, symlinks=True, clear=self.folder.exists())
            options = ["--quiet", "--no-deps", "--require-hashes", "-r", str(self.lock)]
            pip = [str(self.python), "-m", "pip", "install", *options]
            done = subprocess.run(pip, capture_output=True, text=True, timeout=self.install_s, check=False)
        except (OSError, subprocess.SubprocessError) as exc:
            raise NotThere(f"{self.name} cannot be installed: {exc}") from exc
        if done.returncode != 0:
            raise NotThere(f"{self.name} cannot be installed: {(done.stdout + done.stderr)[-_TAIL:]}")
        (self.folder / "installed").write_text(self._wanted(), "ascii")
        return self.python

    def _wanted(self) -> str:
        return sha256(self.lock.read_bytes()).hexdigest()
