"""A scan of the raw bytes below a directory: of logs, dumps, tables and objects."""

from collections.abc import Sequence
from pathlib import Path


def traces_of(root: Path, words: Sequence[str]) -> list[str]:
    """Return where one of the words is, in any case, as ``word in path``. Compressed bytes are not looked into."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes().lower()
            found += [f"{word} in {path.relative_to(root)}" for word in words if word.lower().encode() in data]
    return found
