"""Manifests for tests, with little to say each time."""

from deploy.backup.archive.manifest import Ledger, Manifest, ObjectsCopy, Rows, Slice, TopicCopy
from deploy.backup.archive.parts import PartInfo


def part(name: str, first: int = 0, last: int = -1, **more: int) -> PartInfo:
    """Return what a manifest says of a part."""
    return PartInfo(name=name, sha256="0" * 64, size=10, rows=max(0, last - first + 1), first=first, last=last, **more)


def topic(*slices: tuple[int, int, bool], topic_id: str = "t", exact: bool = True) -> TopicCopy:
    """Return a topic whose partitions have [start, end) and follow the parent, or do not."""
    return TopicCopy(
        topic_id=topic_id,
        exact=exact,
        partitions={
            number: Slice(
                first=start,
                start=start,
                end=end,
                follows=follows,
                parts=[part(f"{number}/{start}", start, end - 1)] if end > start else [],
            )
            for number, (start, end, follows) in enumerate(slices)
        },
    )


def manifest(number: int, parent: int | None = None, **fields: object) -> Manifest:
    """Return the backup of minute ``number``."""
    values: dict[str, object] = {
        "id": backup_id(number),
        "parent": "" if parent is None else backup_id(parent),
        "began_at_ms": number * 60_000,
        "cut_at_ms": number * 60_000 + 1_000,
        "spread_ms": 5,
        "took_s": 1.0,
        "cluster_id": "c",
        "partitions": 4,
        "topics": {},
        "postgres": Rows(migrations={}, tables={}),
        "objects": ObjectsCopy(count=0, bytes=0),
        "ledger": Ledger(calls=0, nano=0, open_calls=0),
    }
    return Manifest(**{**values, **fields})  # type: ignore[arg-type]


def backup_id(number: int) -> str:
    """Return the id of the backup of a minute."""
    return f"20261129T19{number:02d}00Z-{number:08x}"
