"""Where a restore ends: at the backup's own cut, at a time before it, or at offsets of one's own."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.ports.archive import LogRow, Where
from deploy.backup.archive.chain import PartitionCopy
from deploy.backup.archive.store import PartReader
from deploy.backup.errors import BackupRefused

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")


def read_time(text: str) -> int:
    """Return a time such as ``2026-11-29T19:30:00Z`` in milliseconds. Raises ``BackupRefused``."""
    wrong = f"{text!r} is no time; write it like 2026-11-29T19:30:00Z"
    if not _TIME.fullmatch(text):
        raise BackupRefused(wrong)
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except ValueError:
        raise BackupRefused(wrong) from None


def read_offsets(path: Path) -> dict[Where, int]:
    """Return the offsets of a JSON file, ``{"run-events": {"0": 1200}}``. Raises ``BackupRefused``."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[int, int]])
    except OSError as exc:
        raise BackupRefused(f"the file of offsets {path} cannot be read: {exc.strerror}") from exc
    except msgspec.DecodeError as exc:
        raise BackupRefused(
            f'{path} is not like {{"run-events": {{"0": 1200}}}}, offsets by topic and partition: {exc}'
        ) from exc
    return {(topic, partition): end for topic, by in found.items() for partition, end in by.items()}


def at_offsets(copies: Mapping[Where, PartitionCopy], offsets: Mapping[Where, int]) -> dict[Where, int]:
    """Return where each partition ends: where ``offsets`` says, or where the backup does. Raises ``BackupRefused``."""
    for where, end in offsets.items():
        copy = copies.get(where)
        if copy is None:
            raise BackupRefused(f"the backup has no {where[0]}/{where[1]}")
        if not copy.first <= end <= copy.end:
            raise BackupRefused(f"the backup has {where[0]}/{where[1]} from {copy.first} to {copy.end}, not to {end}")
    return {where: offsets.get(where, copy.end) for where, copy in copies.items()}


async def at_time(copies: Mapping[Where, PartitionCopy], at_ms: int, reader: PartReader) -> dict[Where, int]:
    """Return where each partition has its first record that is later than a time."""
    return {where: await _end_at(copy, at_ms, reader) for where, copy in copies.items()}


async def _end_at(copy: PartitionCopy, at_ms: int, reader: PartReader) -> int:
    for held in copy.parts:
        if held.part.last_ms <= at_ms:
            continue
        for row in await reader.read(held, LogRow):
            if row.at_ms > at_ms:
                return row.offset
    return copy.end
