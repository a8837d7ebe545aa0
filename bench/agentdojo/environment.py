"""The package AgentDojo in an environment of its own; ``requirements-agentdojo.without`` names what it is without."""

from pathlib import Path

from bench.environments import Environment
from bench.results import ROOT

FOLDER, LOCK = ROOT / ".venv-agentdojo", ROOT / "requirements-agentdojo.lock"


def python_of(folder: Path = FOLDER, lock: Path = LOCK) -> Path:
    """Return the Python that has the package; install it where it is missing. Raises ``NotThere``."""
    return Environment(name="AgentDojo", folder=folder, lock=lock).install()
