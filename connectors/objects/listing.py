"""The names of all stored objects: of a backup, which copies those that it does not have."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.store import S3Store

from connectors.objects.s3 import s3_errors
from schemas.errors import Unavailable

#: ``<organisation>/<two letters>/<sha256>``: what is being written has another name, and is left out.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}/[0-9a-f]{2}/[0-9a-f]{64}")


async def names_in_directory(root: Path) -> AsyncIterator[str]:
    """Yield the names of the objects below a directory. Raises ``Unavailable``."""
    for name in await asyncio.to_thread(_walk, root):
        yield name


async def names_in_bucket(store: S3Store, prefix: str) -> AsyncIterator[str]:
    """Yield the names of the objects of a bucket below a prefix. Raises ``Unavailable``."""
    with s3_errors("objects", "list the objects"):
        async for chunk in obstore.list(store, prefix or None):
            for one in chunk:
                name = str(one["path"]).removeprefix(prefix)
                if NAME.fullmatch(name):
                    yield name


def _walk(root: Path) -> list[str]:
    try:
        found = (str(path.relative_to(root)) for path in root.glob("*/*/*"))
        return sorted(name for name in found if NAME.fullmatch(name))
    except OSError as exc:
        raise Unavailable("objects", f"{root} cannot be listed: {exc.strerror or exc}") from exc
