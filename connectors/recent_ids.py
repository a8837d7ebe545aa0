"""Which ids came lately, in memory of a fixed size.

A table of cached strings grows until it is full, which for tens of thousands of ids takes hours and tens of megabytes:
that looks like a leak, and costs as much as one. Here an id is 8 bytes of an array that is made at once.
"""

from array import array

#: Ids that share a bucket. The oldest of them leaves it for another one.
_WAYS = 4
_64_BITS = (1 << 64) - 1


class RecentIds:
    """A set of the ids that were added last, about ``most`` of them; of the newest eighth hardly any is missing.

    It knows ids by 64 bits of their hash, so once in 10^18 it takes a fresh id for a known one. ``most`` is at least 1,
    is rounded up to a power of two, and costs 8 bytes each.
    """

    def __init__(self, most: int) -> None:
        buckets = 1 << (-(-most // _WAYS) - 1).bit_length()
        self._mask = buckets - 1
        self._hashes = array("Q", bytes(8 * _WAYS * buckets))

    def __contains__(self, id_: str) -> bool:
        at, hashed = self._place(id_)
        return hashed in self._hashes[at : at + _WAYS]

    def add(self, id_: str) -> None:
        """Remember an id; the oldest one of its bucket is forgotten."""
        at, hashed = self._place(id_)
        if hashed not in self._hashes[at : at + _WAYS]:
            self._hashes[at + 1 : at + _WAYS] = self._hashes[at : at + _WAYS - 1]
            self._hashes[at] = hashed

    @property
    def size_bytes(self) -> int:
        """What the table takes, always."""
        return len(self._hashes) * self._hashes.itemsize

    def _place(self, id_: str) -> tuple[int, int]:
        # Python's hash of a text depends on the process, so nobody can choose ids that fall together. 0 is no id.
        hashed = hash(id_) & _64_BITS or 1
        return (hashed & self._mask) * _WAYS, hashed
