"""Keys that are set aside because a fold failed on one of their records three times.

The partition goes on; later records of such a key are not folded, so that nothing of it happens out of order. Their
offsets are kept in the table, in order, until an operator releases the key. The records themselves are in the log.
"""

from dataclasses import dataclass, field

import msgspec

#: The reserved entity under which a partition's quarantined keys are stored, one entry a key.
ENTITY = "~quarantine"


@dataclass(slots=True)
class QuarantinedKey:
    """One quarantined key: why, and the offsets of its records that wait, the failing one first."""

    reason: str
    offsets: list[int] = field(default_factory=list)


def set_aside(data: bytes) -> QuarantinedKey:
    """Return what is stored of a quarantined key."""
    return msgspec.json.decode(data, type=QuarantinedKey)


class Quarantine:
    """The quarantined keys of one partition, with what a commit must still write of them."""

    def __init__(self, stored: dict[str, bytes] | None = None) -> None:
        self._keys = {key: set_aside(data) for key, data in (stored or {}).items()}
        self._dirty: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, offset: int, reason: str = "") -> None:
        """Set a record of ``key`` aside."""
        self._keys.setdefault(key, QuarantinedKey(reason)).offsets.append(offset)
        self._dirty.add(key)

    def release(self, key: str) -> list[int]:
        """Let a key go; return the offsets of its records that waited, in order. Nothing for a key that is not here."""
        aside = self._keys.pop(key, None)
        if aside is None:
            return []
        self._dirty.add(key)
        return aside.offsets

    def take_changes(self) -> tuple[dict[str, bytes], list[str]]:
        """Return the entries that the next commit must write and those that it must drop, once."""
        changed, self._dirty = sorted(self._dirty), set()
        puts = {key: msgspec.json.encode(self._keys[key]) for key in changed if key in self._keys}
        return puts, [key for key in changed if key not in self._keys]
