"""The Merkle tree over an audit log.

Source: RFC 9162 (Certificate Transparency 2.0), section 2.1, the same hashes as RFC 6962. A leaf is
``SHA-256(0x00 || data)``, a node ``SHA-256(0x01 || left || right)``; the left part of ``n`` leaves has the largest
power of two below ``n``. An empty tree has the hash of nothing.

A ``Frontier`` is a compact range: the roots of the perfect subtrees of which the log is made, the largest first, one
for each bit of its size. So appending to a log of ``n`` entries takes O(log n), and no older entry is read.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY = sha256(b"").digest()
#: Roots of perfect subtrees are kept at every eighth level, so that a proof reads a few hundred hashes of any log.
STRIDE = 8
#: What the chain begins with.
NO_CHAIN = bytes(HASH_BYTES)

Frontier = tuple[bytes, ...]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two others."""
    return sha256(b"\x01" + left + right).digest()


def chained(chain: bytes, leaf: bytes) -> bytes:
    """Return the hash chain with one more leaf: a reader of the log in order sees by it alone what is missing."""
    return sha256(chain + leaf).digest()


def appended(frontier: Frontier, size: int, leaf: bytes) -> tuple[Frontier, tuple[bytes, ...]]:
    """Return the frontier of a log of ``size`` entries with one more, and the subtrees that it completes.

    These are the roots at levels 8, 16, ... (``STRIDE``), the lowest first; there is none after most entries.
    """
    if not size & 1:
        return (*frontier, leaf), ()
    roots = list(frontier)
    completed = []
    level, node = 0, leaf
    while size >> level & 1:
        node = node_hash(roots.pop(), node)
        level += 1
        if level % STRIDE == 0:
            completed.append(node)
    return (*roots, node), tuple(completed)


def root_of_frontier(frontier: Frontier) -> bytes:
    """Return the root of the log that a frontier is of."""
    if not frontier:
        return EMPTY
    *larger, root = frontier
    for left in reversed(larger):
        root = node_hash(left, root)
    return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over hashes of leaves. Level by level: the same tree, since an odd last node is only moved up."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        pairs = iter(level)
        odd = level[-1:] if len(level) & 1 else []
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)] + odd
    return level[0]


def frontier_of(leaves: Sequence[bytes]) -> Frontier:
    """Return the frontier over hashes of leaves."""
    found, start = [], 0
    for bit in range(len(leaves).bit_length() - 1, -1, -1):
        if len(leaves) >> bit & 1:
            found.append(root_of(leaves[start : start + (1 << bit)]))
            start += 1 << bit
    return tuple(found)
