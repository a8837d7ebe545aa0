"""Writes files that a reader sees complete or not at all, also after a crash."""

import os
import tempfile
from pathlib import Path

#: Prefix of the names of files that are still being written.
TEMPORARY = ".new-"


def replace(path: Path, data: bytes) -> None:
    """Write under a temporary name in the same directory, which must be there, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
