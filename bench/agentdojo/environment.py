"""The package AgentDojo in an environment of its own, installed once per lock.

It needs packages that this project does not, and older ones of others. Dependencies are not followed: the lock names
all that its suites need (``requirements-agentdojo.without``).
"""

import subprocess
import venv
from hashlib import sha256
from pathlib import Path

from bench.lines import NotThere
from bench.results import ROOT

FOLDER, LOCK = ROOT / ".venv-agentdojo", ROOT / "requirements-agentdojo.lock"
INSTALL_S = 300.0
_TAIL = 800


def python_of(folder: Path = FOLDER, lock: Path = LOCK) -> Path:
    """Return the Python that has the package; install it where it is missing. Raises ``NotThere``."""
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = sha256(lock.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text("ascii") == wanted:
        return python
    try:
        venv.create(folder, with_pip=True, symlinks=True, clear=folder.exists())
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock)]
        done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.SubprocessError) as exc:
        raise NotThere(f"AgentDojo cannot be installed: {exc}") from exc
    if done.returncode != 0:
        raise NotThere(f"AgentDojo cannot be installed: {(done.stdout + done.stderr)[-_TAIL:]}")
    stamp.write_text(wanted, "ascii")
    return python
