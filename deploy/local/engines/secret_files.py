"""Secrets of a data directory: one per file, generated on first use, readable by the owner only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connectors.objects import atomic_file
from deploy.local.engines.progress import Progress, silent


def read_secret(path: Path, new: Callable[[], str], warn: Progress = silent) -> str:
    """The secret in a file; a new one when there is none, or when the file is empty, which is reported."""
    if is_damaged(path):
        warn(f"{path} is empty; a new secret is written into it, and what was made with the old one stops working")
    elif path.exists():
        return path.read_text(encoding="utf-8").strip()
    atomic_file.replace(path, new().encode())  # a temporary file, and so the new one, has mode 0600
    return read_secret(path, new)


def is_damaged(path: Path) -> bool:
    """True if a file is there but holds no text."""
    return path.exists() and not path.read_bytes().strip()
