"""Files that a reader sees as a whole or not at all, after a crash, too."""

import os
import tempfile
from pathlib import Path

#: How the names of files that are still being written begin.
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
