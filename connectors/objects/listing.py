"""All stored objects by name: for a backup, which copies those that it does not have, and for retention."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import S3Store

from connectors.objects.s3 import s3_errors
from schemas.errors import Unavailable

#: ``<organisation>/<two letters>/<sha256>``: what is being written has another name, and is left out.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}/[0-9a-f]{2}/[0-9a-f]{64}")


class StoredObject(NamedTuple):
    """An object's name, and when it was last stored: equal bytes that come again count."""

    name: str
    stored_ms: int


async def objects_in_directory(root: Path, org_id: str = "") -> AsyncIterator[StoredObject]:
    """Yield the objects below a directory by name, those of one organisation or all. Raises ``Unavailable``."""
    for one in await asyncio.to_thread(_walk, root, org_id):
        yield one


async def objects_in_bucket(store: S3Store, prefix: str, org_id: str = "") -> AsyncIterator[StoredObject]:
    """Yield the objects of a bucket below a prefix, as ``objects_in_directory`` does."""
    below = f"{prefix}{org_id}/" if org_id else prefix
    with s3_errors("objects", "list the objects"):
        async for chunk in obstore.list(store, below or None):
            for one in chunk:
                name = str(one["path"]).removeprefix(prefix)
                if NAME.fullmatch(name):
                    yield StoredObject(name, int(one["last_modified"].timestamp() * 1000))


def stored_ms(path: Path) -> int:
    """Return when a file was last stored. Raises ``OSError``."""
    return path.stat().st_mtime_ns // 1_000_000


def _walk(root: Path, org_id: str) -> list[StoredObject]:
    try:
        return [one for path in sorted(root.glob(f"{org_id or '*'}/*/*")) if (one := _seen(root, path)) is not None]
    except OSError as exc:
        raise Unavailable("objects", f"{root} cannot be listed: {exc.strerror or exc}") from exc


def _seen(root: Path, path: Path) -> StoredObject | None:
    name = str(path.relative_to(root))
    if not NAME.fullmatch(name):
        return None
    try:
        return StoredObject(name, stored_ms(path))
    except FileNotFoundError:  # deleted since
        return None
