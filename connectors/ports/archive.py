"""A record as an archive keeps it: with its place, its time and its headers, byte for byte."""

from typing import NamedTuple

Headers = list[tuple[str, bytes | None]]
#: Topic and partition.
Where = tuple[str, int]


class LogRow(NamedTuple):
    """One record of a topic. ``at_ms`` is its timestamp, of its producer or of the broker."""

    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []


class Range(NamedTuple):
    """Offsets [start, end) of a partition."""

    start: int
    end: int


class GroupAt(NamedTuple):
    """Where a consumer group is in a partition, with the text that it keeps beside it."""

    offset: int
    note: str = ""
