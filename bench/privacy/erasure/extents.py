"""Files without their holes: a broker's index files are made at full length, and almost all of it was never written."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copystat

BLOCK_BYTES = 16 * 1024 * 1024


def written(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield what was written of a file, with its offset, in blocks of at most 16 MiB."""
    with path.open("rb", buffering=0) as file:
        end, at = file.seek(0, os.SEEK_END), 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # a hole up to the end
            until = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < until:
                file.seek(at)
                block = file.read(min(BLOCK_BYTES, until - at))
                if not block:
                    return  # it became shorter
                yield at, block
                at += len(block)


def copy(source: str, target: str) -> None:
    """Copy a file with its holes, its times and its mode; one that is gone is left out."""
    try:
        with Path(target).open("wb") as file:
            for at, block in written(Path(source)):
                file.seek(at)
                file.write(block)
            file.truncate(Path(source).stat().st_size)
        copystat(source, target)
    except FileNotFoundError:
        Path(target).unlink(missing_ok=True)  # its store has removed it meanwhile
