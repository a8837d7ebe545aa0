"""Corpora that others made. They are no part of the project: measured where they lie, and else said to be absent."""

import os
from pathlib import Path
from typing import Final

from bench.lines import NotThere

#: Names the folder, for a checkout that has none beside it.
VARIABLE: Final = "AGENTFLOW_CORPORA"
_BESIDE: Final = Path(__file__).resolve().parents[3] / "shared" / "corpora"


def corpus(name: str) -> Path:
    """Return the path of a file of a corpus. Raises ``NotThere`` where the corpora are absent."""
    for folder in (os.environ.get(VARIABLE, ""), str(_BESIDE)):
        path = Path(folder) / name
        if folder and path.is_file():
            return path
    raise NotThere(f"{name} is neither in {_BESIDE} nor in the folder that {VARIABLE} names")
