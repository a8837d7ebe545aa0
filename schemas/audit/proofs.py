"""Proofs over the tree of an audit log: that it has an entry, and that an older log is the beginning of a newer one.

Source: RFC 9162, sections 2.1.3 and 2.1.4. A proof is planned as ranges of leaves first, ``(start, end)``, whose
hashes are then read from wherever they are: ``inclusion_ranges`` and ``consistency_ranges`` say which, in the order
of the proof. Its length is at most the number of bits of the log's size.
"""

from collections.abc import Sequence

from schemas.audit.tree import EMPTY, STRIDE, node_hash, root_of

Range = tuple[int, int]
#: So many hashes are in a proof of the largest log that there can be.
MOST_HASHES = 64


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges of the proof that entry ``index`` is in the log of ``size`` entries. Raises ``ValueError``."""
    if not 0 <= index < size:
        raise ValueError(f"there is no entry {index} in a log of {size}")
    start, end = 0, size
    path: list[Range] = []
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Return the ranges of the proof that the first ``old`` entries are those of the older log. ``ValueError``."""
    if not 0 < old <= size:
        raise ValueError(f"a log of {size} entries is not consistent with one of {old}")
    start, end = 0, size
    path: list[Range] = []
    whole = True
    while end != old:
        middle = start + _left(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
            whole = False
    return ([] if whole else [(start, end)]) + path[::-1]


def perfect_parts(start: int, end: int) -> list[Range]:
    """Return the perfect subtrees of a range of a proof, from the left; all but the last range of a log is one."""
    parts = []
    while start < end:
        width = 1 << (end - start).bit_length() - 1
        parts.append((start, start + width))
        start += width
    return parts


def stored_parts(start: int, end: int) -> tuple[int, list[int]]:
    """Return of which stored hashes a perfect subtree is made: their level, a multiple of ``STRIDE``, and their places.

    Place ``i`` of level ``l`` is the subtree of the leaves from ``i * 2**l`` on.
    """
    level = ((end - start).bit_length() - 1) // STRIDE * STRIDE
    return level, list(range(start >> level, end >> level))


def together(parts: Sequence[bytes]) -> bytes:
    """Return the hash of a range from those of its perfect subtrees, from the left."""
    *larger, root = parts
    for left in reversed(larger):
        root = node_hash(left, root)
    return root


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof of an entry from the hashes of all leaves."""
    return [root_of(leaves[start:end]) for start, end in inclusion_ranges(index, len(leaves))]


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Return the proof of consistency with the first ``old`` entries from the hashes of all leaves."""
    return [root_of(leaves[start:end]) for start, end in consistency_ranges(old, len(leaves))]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof shows that ``leaf`` is entry ``index`` of the log of ``size`` entries with this root."""
    if not 0 <= index < size or len(proof) > MOST_HASHES:
        return False
    place, last, node = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(other, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, other)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the log of ``old`` entries is the beginning of that of ``size``."""
    if not 0 <= old <= size or len(proof) > MOST_HASHES:
        return False
    if old == 0:
        return old_root == EMPTY and not proof
    if old == size:
        return old_root == root and not proof
    hashes = list(proof)
    if not old & (old - 1):
        hashes.insert(0, old_root)
    return bool(hashes) and _both_roots(old, size, hashes) == (old_root, root)


def _both_roots(old: int, size: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of both logs that a proof leads to; ``None`` when it is too long or too short."""
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_node = node = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old_node, node = node_hash(other, old_node), node_hash(other, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, other)
        place, last = place >> 1, last >> 1
    return (old_node, node) if last == 0 else None


def _left(width: int) -> int:
    """Return the largest power of two below ``width``, which is at least 2."""
    return 1 << (width - 1).bit_length() - 1
