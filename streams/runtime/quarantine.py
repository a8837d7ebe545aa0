"""Keys that are set aside because a fold failed on one of their records three times.

The partition goes on; later records of such a key are not folded, so that nothing of it happens out of order. Their
offsets are kept in the table, in order, until an operator releases the key. The records themselves are in the log.
"""

from dataclasses import dataclass, field

import msgspec

#: The reserved entity under which a partition's quarantined keys are stored, one entry a key.
ENTITY = "~quarantine"


@dataclass(slots=True)
class SetAside:
    """One quarantined key: why, and the offsets of its records that wait, the failing one first."""

    reason: str
    offsets: list[int] = field(default_factory=list)


class Quarantine:
    """The quarantined keys of one partition, with what a commit must still write of them."""

    def __init__(self, stored: dict[str, bytes] | None = None) -> None:
        self._keys = {key: msgspec.json.decode(data, type=SetAside) for key, data in (stored or {}).items()}
        self._dirty: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, offset: int, reason: str = "") -> None:
        """Set a record of ``key`` aside."""
        self._keys.setdefault(key, SetAside(reason)).offsets.append(offset)
        self._dirty.add(key)

    def take_changes(self) -> dict[str, bytes]:
        """Return the entries to be written by the next commit, once."""
        changed = {key: msgspec.json.encode(self._keys[key]) for key in sorted(self._dirty)}
        self._dirty.clear()
        return changed
